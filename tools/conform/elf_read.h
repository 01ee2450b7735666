/* SPDX-License-Identifier: MIT */
/* What a shared library exports, read from its file. 64-bit little-endian ELF. */
#ifndef CONFORM_ELF_READ_H
#define CONFORM_ELF_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_symbol {
    const char *name;
    const char *version; /* "" without one */
    bool hidden;         /* not the one that a program is linked with */
};

struct elf {
    unsigned char *file;
    size_t bytes;
    struct elf_symbol *symbols; /* defined, not local; without the names of the versions */
    uint32_t symbol_count;
    const char **versions; /* defined, without the file's own name */
    uint32_t version_count;
};

/* Both return NULL, or what is wrong. On success *elf is the caller's and goes to elf_free. */
const char *elf_read(const char *path, struct elf *elf);
/* Whether a file is a shared library for the machine that this program was built for. */
const char *elf_fits(const char *path);
void elf_free(struct elf *elf);

#endif
