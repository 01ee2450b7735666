/* SPDX-License-Identifier: MIT */
/* Cuts a document into headings and table rows; private to the parser. */
#ifndef ABI_TABLE_H
#define ABI_TABLE_H

#include "abi_md.h"

#define ABI_CELLS_MAX 8u

typedef enum abi_item { ABI_ITEM_END, ABI_ITEM_HEADING, ABI_ITEM_ROW } abi_item;

/* A cursor over the items. Cells and headings point into the text, which is cut in place. */
typedef struct abi_reader {
    char *next;
    uint32_t line; /* of the item */
    uint32_t read; /* lines read so far */
    abi_item item;
    uint32_t level;    /* of a heading */
    char *heading;     /* without its marks */
    bool begins_table; /* the line before this row is not a row */
    uint32_t cell_count;
    char *cells[ABI_CELLS_MAX];
    abi_error *error;
} abi_reader;

/* Fills the error and returns false, so a caller can return its result. */
bool abi_fail(abi_error *error, uint32_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

bool abi_reader_begin(abi_reader *reader, char *text, abi_error *error);
bool abi_reader_step(abi_reader *reader);

/* At the head of a table: checks the columns and the line of dashes below, and advances to the
 * first row. `what` names the table in the error. */
bool abi_table_head(abi_reader *reader, const char *what, const char *const *columns,
                    uint32_t column_count);

/* Whether the reader is at another row of the table; fails if it has too few cells, too many, or an
 * empty one. At the end of the table *more stays false. */
bool abi_table_row(abi_reader *reader, const char *what, uint32_t column_count, bool *more);

bool abi_number(const char *text, int64_t *value);

#endif
