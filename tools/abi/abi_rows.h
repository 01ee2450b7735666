/* SPDX-License-Identifier: MIT */
/* The tables of the grammar; private to the parser. */
#ifndef ABI_ROWS_H
#define ABI_ROWS_H

#include "abi_table.h"

typedef struct abi_parser {
    abi_doc *doc;
    abi_reader reader;
    abi_error *error;
} abi_parser;

typedef struct abi_table {
    const char *what;
    uint32_t column_count;
    const char *columns[ABI_CELLS_MAX];
    bool (*row)(abi_parser *p, char **cells);
    bool one_row;
} abi_table;

extern const abi_table abi_handles_table;
extern const abi_table abi_constants_table;
extern const abi_table abi_statuses_table;
extern const abi_table abi_struct_facts_table;
extern const abi_table abi_fields_table;
extern const abi_table abi_function_facts_table;
extern const abi_table abi_params_table;
extern const abi_table abi_callback_facts_table;
extern const abi_table abi_modes_table;
extern const abi_table abi_limits_table;
extern const abi_table abi_frozen_table;

/* Makes room for one more item; `slot` points to the items' pointer. */
bool abi_grow(abi_parser *p, void *slot, uint32_t count, size_t item_bytes);

#define ABI_APPEND(p, items, count, ...)                                                           \
    (abi_grow((p), &(p)->doc->items, (p)->doc->count, sizeof *(p)->doc->items) &&                  \
     ((p)->doc->items[(p)->doc->count++] = (__VA_ARGS__), true))

#endif
