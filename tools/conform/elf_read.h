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
    bool hidden;         /* not the version that programs link to */
};

struct elf {
    unsigned char *file;
    size_t bytes;
    struct elf_symbol *symbols; /* defined, not local; version names excluded */
    uint32_t symbol_count;
    const char **versions; /* defined; the file's own name excluded */
    uint32_t version_count;
};

/* elf_read: returns NULL, or what is wrong. On success the caller owns *elf and frees it with
 * elf_free. */
const char *elf_read(const char *path, struct elf *elf);
/* Returns NULL if the file is a shared library for the machine that this program was built for, or
 * what is wrong. */
const char *elf_fits(const char *path);
void elf_free(struct elf *elf);

#endif
