/* SPDX-License-Identifier: MIT */
/*
 * The reverse check: what the headers declare and the description lacks. Assertions can't find
 * that. The headers have one style (a test checks their calls), so a line-based scan is enough.
 */
#include "gen.h"

#include <errno.h>
#include <string.h>

static bool has_name(const abi_doc *doc, const char *name)
{
    if (abi_md_constant(doc, name) != NULL || abi_md_status(doc, name) != NULL ||
        abi_md_struct(doc, name) != NULL || abi_md_function(doc, name) != NULL) {
        return true;
    }
    for (uint32_t i = 0; i < doc->handle_count; i++) {
        if (strcmp(doc->handles[i].name, name) == 0) {
            return true;
        }
    }
    for (uint32_t i = 0; i < doc->callback_count; i++) {
        if (strcmp(doc->callbacks[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* The name that a line declares, and its section; NULL if it declares none. */
static const char *declared(const char *line, char name[static 128])
{
    char after = '\0';
    if (sscanf(line, "#define %127[A-Za-z0-9_]%*[ ]%c", name, &after) == 2) {
        return strchr("0123456789(\\", after) != NULL ? "Constants" : NULL;
    }
    if (sscanf(line, "HO_API int32_t %127[A-Za-z0-9_](", name) == 1) {
        return "Functions";
    }
    if (sscanf(line, "typedef void (*%127[A-Za-z0-9_])", name) == 1) {
        return "Callbacks";
    }
    if (sscanf(line, "typedef struct %127[A-Za-z0-9_] %c", name, &after) == 2) {
        return after == '{' ? "Structs" : "Handles";
    }
    return NULL;
}

unsigned gen_check_header(const abi_doc *doc, const char *path)
{
    FILE *in = fopen(path, "rbe");
    if (in == NULL) {
        fprintf(stderr, "handoff-abi-gen: %s: %s: name a header that can be read\n", path,
                strerror(errno));
        return 1;
    }
    char line[1024], name[128];
    unsigned problems = 0;
    for (unsigned number = 1; fgets(line, sizeof line, in) != NULL; number++) {
        const char *section = declared(line, name);
        if (section != NULL && !has_name(doc, name)) {
            fprintf(stderr, "%s:%u: %s: expected it in the section %s of the description\n", path,
                    number, name, section);
            problems++;
        }
    }
    fclose(in);
    return problems;
}
