/* SPDX-License-Identifier: MIT */
/* What the generator makes out of the description. Each writes one file to `out`. */
#ifndef ABI_GEN_H
#define ABI_GEN_H

#include <stdio.h>

#include "abi_md.h"

/* `path` is what diagnostics of the compiler are to name. */
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

/* Says on stderr what a header declares and the description lacks; returns how many. A file that
 * can't be read counts as one. */
unsigned gen_check_header(const abi_doc *doc, const char *path);

/* FNV-1a over the layout lines, as the description defines it. */
uint64_t gen_layout_hash(const abi_doc *doc);

#endif
