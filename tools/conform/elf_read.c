/* SPDX-License-Identifier: MIT */
#include "elf_read.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)1 << 30)
#define NOT_WHOLE "a truncated or damaged ELF file: build or copy it again"

static const char *read_file(const char *path, struct elf *elf)
{
    FILE *in = fopen(path, "rbe");
    if (in == NULL) {
        return strerror(errno);
    }
    long end = fseek(in, 0, SEEK_END) == 0 ? ftell(in) : -1;
    if (end < 0 || (size_t)end > FILE_BYTES_MAX || fseek(in, 0, SEEK_SET) != 0) {
        fclose(in);
        return "not a readable file: name a shared library";
    }
    elf->bytes = (size_t)end;
    elf->file = malloc(elf->bytes + 1);
    const bool good = elf->file != NULL && fread(elf->file, 1, elf->bytes, in) == elf->bytes;
    fclose(in);
    return good ? NULL : "could not be read: free some memory, or copy it again";
}

/* `bytes` bytes of the file at `offset`, or NULL. */
static const void *part(const struct elf *elf, uint64_t offset, uint64_t bytes)
{
    return offset <= elf->bytes && bytes <= elf->bytes - offset ? elf->file + offset : NULL;
}

static const Elf64_Shdr *section(const struct elf *elf, uint32_t index)
{
    const Elf64_Ehdr *head = part(elf, 0, sizeof *head);
    return index < head->e_shnum && head->e_shoff % 8 == 0
               ? part(elf, head->e_shoff + (uint64_t)index * sizeof(Elf64_Shdr), sizeof(Elf64_Shdr))
               : NULL;
}

static const Elf64_Shdr *section_of(const struct elf *elf, uint32_t type)
{
    const Elf64_Shdr *found = NULL;
    for (uint32_t i = 0; (found = section(elf, i)) != NULL && found->sh_type != type; i++) {
    }
    return found;
}

/* A string from a section's table; "" if there is none. */
static const char *text_of(const struct elf *elf, const Elf64_Shdr *of, uint32_t offset)
{
    const Elf64_Shdr *table = section(elf, of->sh_link);
    const char *text = table == NULL ? NULL : part(elf, table->sh_offset, table->sh_size);
    if (text == NULL || offset >= table->sh_size ||
        memchr(text + offset, '\0', table->sh_size - offset) == NULL) {
        return "";
    }
    return text + offset;
}

static const char *check_head(const struct elf *elf, uint16_t machine)
{
    const Elf64_Ehdr *head = part(elf, 0, sizeof *head);
    if (head == NULL || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0) {
        return "not an ELF file: name a shared library";
    }
    if (head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_ident[EI_DATA] != ELFDATA2LSB ||
        head->e_machine != machine) {
        return "built for another machine: use a build for this one";
    }
    return head->e_type == ET_DYN ? NULL : "not a shared library: name one";
}

/* The loader maps segments without checking the file's length. */
static const char *check_segments(const struct elf *elf)
{
    const Elf64_Ehdr *head = part(elf, 0, sizeof *head);
    for (uint32_t i = 0; i < head->e_phnum; i++) {
        const Elf64_Phdr *segment =
            part(elf, head->e_phoff + (uint64_t)i * sizeof *segment, sizeof *segment);
        if (segment == NULL || head->e_phoff % 8 != 0 ||
            part(elf, segment->p_offset, segment->p_filesz) == NULL) {
            return NOT_WHOLE;
        }
    }
    return NULL;
}

static uint16_t own_machine(void)
{
    Elf64_Ehdr head = {.e_machine = EM_NONE};
    FILE *in = fopen("/proc/self/exe", "rbe");
    if (in != NULL) {
        if (fread(&head, sizeof head, 1, in) != 1) {
            head.e_machine = EM_NONE;
        }
        fclose(in);
    }
    return head.e_machine;
}

/* The name of the version with this index; NULL if it is not defined here. */
static const char *version_name(const struct elf *elf, uint16_t index, bool *is_base)
{
    const Elf64_Shdr *defs = section_of(elf, SHT_GNU_verdef);
    uint64_t at = defs == NULL ? 0 : defs->sh_offset;
    for (uint32_t i = 0; defs != NULL && i < defs->sh_info; i++) {
        const Elf64_Verdef *def = part(elf, at, sizeof *def);
        const Elf64_Verdaux *name =
            def == NULL ? NULL : part(elf, at + def->vd_aux, sizeof(Elf64_Verdaux));
        if (name == NULL) {
            return NULL;
        }
        if (def->vd_ndx == index) {
            *is_base = (def->vd_flags & VER_FLG_BASE) != 0;
            return text_of(elf, defs, name->vda_name);
        }
        at += def->vd_next;
    }
    return NULL;
}

static const char *read_versions(struct elf *elf)
{
    const Elf64_Shdr *defs = section_of(elf, SHT_GNU_verdef);
    const uint32_t count = defs == NULL ? 0 : defs->sh_info;
    elf->versions = calloc((size_t)count + 1, sizeof *elf->versions);
    if (elf->versions == NULL) {
        return "too large: free some memory";
    }
    for (uint32_t index = 1; index <= count; index++) {
        bool is_base = false;
        const char *name = version_name(elf, (uint16_t)index, &is_base);
        if (name != NULL && !is_base) {
            elf->versions[elf->version_count++] = name;
        }
    }
    return NULL;
}

static void add_symbol(struct elf *elf, const Elf64_Shdr *table, const Elf64_Sym *symbol,
                       uint16_t version)
{
    bool is_base = false;
    const char *name = text_of(elf, table, symbol->st_name);
    const char *node = version_name(elf, version & 0x7fff, &is_base);
    const bool is_node = symbol->st_shndx == SHN_ABS && node != NULL && strcmp(node, name) == 0;
    if (symbol->st_shndx != SHN_UNDEF && ELF64_ST_BIND(symbol->st_info) != STB_LOCAL && !is_node) {
        elf->symbols[elf->symbol_count++] =
            (struct elf_symbol){name, node == NULL || is_base ? "" : node, (version & 0x8000) != 0};
    }
}

static const char *read_symbols(struct elf *elf)
{
    const Elf64_Shdr *table = section_of(elf, SHT_DYNSYM);
    const Elf64_Shdr *versions = section_of(elf, SHT_GNU_versym);
    if (table == NULL || part(elf, table->sh_offset, table->sh_size) == NULL) {
        return NOT_WHOLE;
    }
    const uint64_t count = table->sh_size / sizeof(Elf64_Sym);
    const Elf64_Sym *symbols = part(elf, table->sh_offset, table->sh_size);
    const Elf64_Half *indices =
        versions == NULL ? NULL : part(elf, versions->sh_offset, count * sizeof(Elf64_Half));
    elf->symbols = calloc(count + 1, sizeof *elf->symbols);
    if (elf->symbols == NULL) {
        return "too large: free some memory";
    }
    for (uint64_t i = 1; i < count; i++) {
        add_symbol(elf, table, &symbols[i], indices == NULL ? VER_NDX_GLOBAL : indices[i]);
    }
    return NULL;
}

const char *elf_read(const char *path, struct elf *elf)
{
    *elf = (struct elf){0};
    const char *fault = read_file(path, elf);
    if (fault == NULL) {
        fault = check_head(elf, own_machine());
    }
    if (fault == NULL) {
        fault = read_versions(elf);
    }
    if (fault == NULL) {
        fault = read_symbols(elf);
    }
    if (fault != NULL) {
        elf_free(elf);
    }
    return fault;
}

const char *elf_fits(const char *path)
{
    struct elf elf = {0};
    const char *fault = read_file(path, &elf);
    if (fault == NULL) {
        fault = check_head(&elf, own_machine());
    }
    if (fault == NULL) {
        fault = check_segments(&elf);
    }
    elf_free(&elf);
    return fault;
}

void elf_free(struct elf *elf)
{
    free(elf->file);
    free(elf->symbols);
    free(elf->versions);
    *elf = (struct elf){0};
}
