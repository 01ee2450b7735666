/* SPDX-License-Identifier: MIT */
/* The generator's outputs. Each function writes one file to `out`. */
#ifndef ABI_GEN_H
#define ABI_GEN_H

#include <stdio.h>

#include "abi_md.h"

/* `path` is the file that the compiler's diagnostics name. */
typedef struct abi_input {
    const abi_doc *doc;
    const char *path;
} abi_input;

void gen_asserts(const abi_input *input, FILE *out);
void gen_map(const abi_input *input, FILE *out);
void gen_embed_header(const abi_input *input, FILE *out);
void gen_embed_source(const abi_input *input, FILE *out);
void gen_rust(const abi_input *input, FILE *out);
void gen_ctypes(const abi_input *input, FILE *out);

/* Reports on stderr what a header declares and the description lacks; returns how many. A file that
 * can't be read counts as one. */
unsigned gen_check_header(const abi_doc *doc, const char *path);

/* FNV-1a over the layout lines, as the description defines it. */
uint64_t gen_layout_hash(const abi_doc *doc);

#endif
