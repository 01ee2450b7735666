/* SPDX-License-Identifier: MIT */
#include "abi_md.h"

#include "abi_private.h"
#include "abi_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)16 << 20)

static char *copy(const char *text, size_t bytes)
{
    char *made = malloc(bytes + 1);
    if (made != NULL) {
        memcpy(made, text, bytes);
        made[bytes] = '\0';
    }
    return made;
}

bool abi_md_parse(const char *text, size_t bytes, abi_doc **doc, abi_error *error)
{
    *doc = NULL;
    if (memchr(text, '\0', bytes) != NULL) {
        return abi_fail(error, 1, "zero byte: expected text");
    }
    abi_doc *made = calloc(1, sizeof *made);
    if (made == NULL || (made->source = copy(text, bytes)) == NULL ||
        (made->cut = copy(text, bytes)) == NULL) {
        abi_md_free(made);
        return abi_fail(error, 0, "memory: expected more of it");
    }
    made->source_bytes = bytes;
    if (!abi_sections_read(made, error) || !abi_check(made, error)) {
        abi_md_free(made);
        return false;
    }
    *doc = made;
    return true;
}

/* Reads a whole file; NULL on failure. If *bytes reaches FILE_BYTES_MAX, there may be more. */
static char *read_all(FILE *file, size_t *bytes)
{
    char *text = NULL;
    for (size_t room = 64 << 10; room <= FILE_BYTES_MAX; room *= 2) {
        char *more = realloc(text, room);
        if (more == NULL) {
            break;
        }
        text = more;
        *bytes += fread(text + *bytes, 1, room - *bytes, file);
        if (*bytes < room || room == FILE_BYTES_MAX) {
            return text;
        }
    }
    free(text);
    return NULL;
}

static bool load(FILE *file, abi_doc **doc, abi_error *error)
{
    size_t bytes = 0;
    char *text = read_all(file, &bytes);
    bool good = false;
    if (text == NULL) {
        abi_fail(error, 0, "memory: expected more of it");
    } else if (ferror(file)) {
        abi_fail(error, 0, "%s: expected a file that can be read", strerror(errno));
    } else if (bytes == FILE_BYTES_MAX) {
        abi_fail(error, 0, "length: expected less than %zu bytes", FILE_BYTES_MAX);
    } else {
        good = abi_md_parse(text, bytes, doc, error);
    }
    free(text);
    return good;
}

bool abi_md_load(const char *path, abi_doc **doc, abi_error *error)
{
    *doc = NULL;
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return abi_fail(error, 0, "%s: expected a file that can be read", strerror(errno));
    }
    const bool good = load(file, doc, error);
    fclose(file);
    return good;
}

void abi_md_free(abi_doc *doc)
{
    if (doc == NULL) {
        return;
    }
    free(doc->handles);
    free(doc->constants);
    free(doc->statuses);
    free(doc->structs);
    free(doc->fields);
    free(doc->functions);
    free(doc->params);
    free(doc->callbacks);
    free(doc->modes);
    free(doc->limits);
    free(doc->frozen);
    free(doc->source);
    free(doc->cut);
    free(doc);
}

#define FIND(items, count, name)                                                                   \
    for (uint32_t i = 0; i < (count); i++) {                                                       \
        if (strcmp((items)[i].name, (name)) == 0) {                                                \
            return &(items)[i];                                                                    \
        }                                                                                          \
    }                                                                                              \
    return NULL

const abi_constant *abi_md_constant(const abi_doc *doc, const char *name)
{
    FIND(doc->constants, doc->constant_count, name);
}

const abi_status *abi_md_status(const abi_doc *doc, const char *name)
{
    FIND(doc->statuses, doc->status_count, name);
}

const abi_struct *abi_md_struct(const abi_doc *doc, const char *name)
{
    FIND(doc->structs, doc->struct_count, name);
}

const abi_function *abi_md_function(const abi_doc *doc, const char *name)
{
    FIND(doc->functions, doc->function_count, name);
}

bool abi_list_next(const char **list, char *name, size_t bytes)
{
    if (**list == '\0') {
        return false;
    }
    const size_t length = strcspn(*list, " ");
    snprintf(name, bytes, "%.*s", (int)length, *list);
    *list += length + ((*list)[length] == ' ');
    return true;
}

bool abi_list_has(const char *list, const char *name)
{
    char item[128];
    while (abi_list_next(&list, item, sizeof item)) {
        if (strcmp(item, name) == 0) {
            return true;
        }
    }
    return false;
}
