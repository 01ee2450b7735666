/* SPDX-License-Identifier: MIT */
/* handoff-abi-gen: makes the build's sources and the bindings from abi.md. */
#include "gen.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const struct {
    const char *name;
    void (*write)(const abi_input *input, FILE *out);
} outputs[] = {
    {"abi_asserts.h", gen_asserts},    {"handoff.map", gen_map},  {"abi_embed.h", gen_embed_header},
    {"abi_embed.c", gen_embed_source}, {"abi_rust.rs", gen_rust}, {"abi_ctypes.py", gen_ctypes},
};

static bool write_output(const abi_input *input, const char *folder, size_t which)
{
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s/%s", folder, outputs[which].name);
    FILE *out = length > 0 && (size_t)length < sizeof path ? fopen(path, "wbe") : NULL;
    bool good = false;
    if (out != NULL) {
        outputs[which].write(input, out);
        good = !ferror(out);
        good = fclose(out) == 0 && good;
    }
    if (!good) {
        fprintf(stderr, "handoff-abi-gen: %s: %s: name a folder that can be written\n", path,
                strerror(errno));
        remove(path);
    }
    return good;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("handoff-abi-gen: missing arguments: handoff-abi-gen ABI.md FOLDER [HEADER...]\n",
              stderr);
        return 2;
    }
    abi_doc *doc;
    abi_error error;
    if (!abi_md_load(argv[1], &doc, &error)) {
        fprintf(stderr, "%s:%" PRIu32 ": %s\n", argv[1], error.line, error.text);
        return 1;
    }
    const abi_input input = {.doc = doc, .path = argv[1]};
    unsigned problems = 0;
    for (int i = 3; i < argc; i++) {
        problems += gen_check_header(doc, argv[i]);
    }
    for (size_t i = 0; problems == 0 && i < sizeof outputs / sizeof *outputs; i++) {
        problems += write_output(&input, argv[2], i) ? 0 : 1;
    }
    abi_md_free(doc);
    return problems == 0 ? 0 : 1;
}
