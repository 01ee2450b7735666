/* SPDX-License-Identifier: MIT */
#include "abi_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool abi_fail(abi_error *error, uint32_t line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error->line = line;
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}

static char *trim(char *text)
{
    while (*text == ' ' || *text == '\t') {
        text++;
    }
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL) {
        text[--length] = '\0';
    }
    return text;
}

static char *unquote(char *cell)
{
    const size_t length = strlen(cell);
    if (length >= 2 && cell[0] == '`' && cell[length - 1] == '`' &&
        memchr(cell + 1, '`', length - 2) == NULL) {
        cell[length - 1] = '\0';
        cell++;
    }
    return cell;
}

static char *take_line(abi_reader *reader)
{
    char *line = reader->next;
    if (*line == '\0') {
        return NULL;
    }
    char *end = strchr(line, '\n');
    if (end != NULL) {
        *end = '\0';
        reader->next = end + 1;
    } else {
        reader->next = line + strlen(line);
    }
    reader->read++;
    return trim(line);
}

static bool cut_row(abi_reader *reader, char *line)
{
    const size_t length = strlen(line);
    if (length < 2 || line[length - 1] != '|') {
        return abi_fail(reader->error, reader->line,
                        "table row: expected | at the end of the line");
    }
    line[length - 1] = '\0';
    reader->cell_count = 0;
    for (char *cell = line + 1; cell != NULL;) {
        char *bar = strchr(cell, '|');
        if (bar != NULL) {
            *bar = '\0';
        }
        if (reader->cell_count == ABI_CELLS_MAX) {
            return abi_fail(reader->error, reader->line, "table row: expected at most %u cells",
                            ABI_CELLS_MAX);
        }
        reader->cells[reader->cell_count++] = unquote(trim(cell));
        cell = bar != NULL ? bar + 1 : NULL;
    }
    return true;
}

static void cut_heading(abi_reader *reader, char *line)
{
    reader->level = 0;
    while (*line == '#') {
        reader->level++;
        line++;
    }
    reader->heading = trim(line);
}

bool abi_reader_step(abi_reader *reader)
{
    bool fenced = false;
    bool after_row = reader->item == ABI_ITEM_ROW;
    for (char *line; (line = take_line(reader)) != NULL; after_row = false) {
        reader->line = reader->read;
        if (strncmp(line, "```", 3) == 0) {
            fenced = !fenced;
        } else if (!fenced && *line == '#') {
            reader->item = ABI_ITEM_HEADING;
            cut_heading(reader, line);
            return true;
        } else if (!fenced && *line == '|') {
            reader->item = ABI_ITEM_ROW;
            reader->begins_table = !after_row;
            return cut_row(reader, line);
        }
    }
    reader->item = ABI_ITEM_END;
    reader->line = reader->read;
    return !fenced || abi_fail(reader->error, reader->line, "end of file: expected ``` before it");
}

bool abi_reader_begin(abi_reader *reader, char *text, abi_error *error)
{
    *reader = (abi_reader){.next = text, .error = error};
    return abi_reader_step(reader);
}

static bool is_dashes(const char *cell)
{
    return strlen(cell) >= 3 && strspn(cell, "-:") == strlen(cell);
}

static bool fail_columns(abi_reader *reader, const char *what, const char *const *columns,
                         uint32_t column_count)
{
    char head[160] = "|";
    for (uint32_t i = 0; i < column_count; i++) {
        const size_t used = strlen(head);
        snprintf(head + used, sizeof head - used, " %s |", columns[i]);
    }
    return abi_fail(reader->error, reader->line, "head of the table of %s: expected %s", what,
                    head);
}

bool abi_table_head(abi_reader *reader, const char *what, const char *const *columns,
                    uint32_t column_count)
{
    if (reader->item != ABI_ITEM_ROW || reader->cell_count != column_count) {
        return fail_columns(reader, what, columns, column_count);
    }
    for (uint32_t i = 0; i < column_count; i++) {
        if (strcmp(reader->cells[i], columns[i]) != 0) {
            return fail_columns(reader, what, columns, column_count);
        }
    }
    const uint32_t head_line = reader->line;
    if (!abi_reader_step(reader)) {
        return false;
    }
    bool dashes =
        reader->item == ABI_ITEM_ROW && !reader->begins_table && reader->cell_count == column_count;
    for (uint32_t i = 0; dashes && i < column_count; i++) {
        dashes = is_dashes(reader->cells[i]);
    }
    if (!dashes) {
        return abi_fail(reader->error, head_line + 1,
                        "table of %s: expected a line of %" PRIu32 " cells ---", what,
                        column_count);
    }
    return abi_reader_step(reader);
}

bool abi_table_row(abi_reader *reader, const char *what, uint32_t column_count, bool *more)
{
    *more = reader->item == ABI_ITEM_ROW && !reader->begins_table;
    if (!*more) {
        return true;
    }
    if (reader->cell_count != column_count) {
        return abi_fail(reader->error, reader->line,
                        "row of the table of %s: expected %" PRIu32 " cells, not %" PRIu32, what,
                        column_count, reader->cell_count);
    }
    for (uint32_t i = 0; i < column_count; i++) {
        if (*reader->cells[i] == '\0') {
            return abi_fail(reader->error, reader->line,
                            "row of the table of %s: expected something in cell %" PRIu32, what,
                            i + 1);
        }
    }
    return true;
}

bool abi_number(const char *text, int64_t *value)
{
    const char *digits = text + (*text == '-');
    const bool hexadecimal = strncmp(digits, "0x", 2) == 0;
    const char *allowed = hexadecimal ? "0123456789abcdefABCDEF" : "0123456789";
    digits += hexadecimal ? 2 : 0;
    if (*digits == '\0' || strspn(digits, allowed) != strlen(digits)) {
        return false;
    }
    errno = 0;
    *value = strtoll(text, NULL, hexadecimal ? 16 : 10);
    return errno == 0;
}
