/* SPDX-License-Identifier: MIT */
/* Cuts a document into headings and table rows; private to the parser. */
#ifndef ABI_TABLE_H
#define ABI_TABLE_H

#include "abi_md.h"

#define ABI_CELLS_MAX 8u

typedef enum abi_item { ABI_ITEM_END, ABI_ITEM_HEADING, ABI_ITEM_ROW } abi_item;

/* Stands on one item. Cells and headings point into the text, which is cut in place. */
typedef struct abi_reader {
    char *next;
    uint32_t line; /* of the item */
    uint32_t read; /* lines read so far */
    abi_item item;
    uint32_t level;    /* of a heading */
    char *heading;     /* without its marks */
    bool begins_table; /* the line before this row is no row */
    uint32_t cell_count;
    char *cells[ABI_CELLS_MAX];
    abi_error *error;
} abi_reader;

/* Fills the error and returns false, so that a caller can return what it returns. */
bool abi_fail(abi_error *error, uint32_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

bool abi_reader_begin(abi_reader *reader, char *text, abi_error *error);
bool abi_reader_step(abi_reader *reader);

/* Stands on the head of a table: checks the columns and the line of dashes below, and goes on to the
 * first row. `what` names the table in the error. */
bool abi_table_head(abi_reader *reader, const char *what, const char *const *columns,
                    uint32_t column_count);

/* Whether the reader stands on a further row of the table; fails where its cells are too few, too
 * many or empty. Leaves *more false at the end of the table. */
bool abi_table_row(abi_reader *reader, const char *what, uint32_t column_count, bool *more);

bool abi_number(const char *text, int64_t *value);

#endif
