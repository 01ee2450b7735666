/* SPDX-License-Identifier: MIT */
/* The steps of the parser; private to it. */
#ifndef ABI_PRIVATE_H
#define ABI_PRIVATE_H

#include "abi_md.h"

/* Cuts doc->cut into the model. */
bool abi_sections_read(abi_doc *doc, abi_error *error);

/* Reads every type, then checks names, layouts and references. */
bool abi_check(abi_doc *doc, abi_error *error);
bool abi_check_structs(abi_doc *doc, abi_error *error);

/* Reads one type by the grammar; false if it names nothing in the document. */
bool abi_type_read(const abi_doc *doc, const char *text, abi_type *type);

#endif
