/* SPDX-License-Identifier: MIT */
/* The order of headings and tables. */
#include "abi_private.h"
#include "abi_rows.h"

#include <string.h>

static bool read_table(abi_parser *p, const abi_table *t)
{
    abi_reader *reader = &p->reader;
    if (!abi_table_head(reader, t->what, t->columns, t->column_count)) {
        return false;
    }
    bool more = false;
    for (uint32_t rows = 0;; rows++) {
        if (!abi_table_row(reader, t->what, t->column_count, &more)) {
            return false;
        }
        if (!more) {
            return rows > 0 ||
                   abi_fail(p->error, reader->line, "table of %s: expected a row above", t->what);
        }
        if (t->one_row && rows == 1) {
            return abi_fail(p->error, reader->line, "table of %s: expected one row", t->what);
        }
        if (!t->row(p, reader->cells) || !abi_reader_step(reader)) {
            return false;
        }
    }
}

static bool item_struct(abi_parser *p)
{
    abi_doc *doc = p->doc;
    const uint32_t at = doc->struct_count, first = doc->field_count;
    const abi_struct item = {
        .name = p->reader.heading, .first_field = first, .line = p->reader.line};
    if (!ABI_APPEND(p, structs, struct_count, item) || !abi_reader_step(&p->reader) ||
        !read_table(p, &abi_struct_facts_table) || !read_table(p, &abi_fields_table)) {
        return false;
    }
    doc->structs[at].field_count = doc->field_count - first;
    return true;
}

static bool item_function(abi_parser *p)
{
    abi_doc *doc = p->doc;
    const uint32_t at = doc->function_count, first = doc->param_count;
    const abi_function item = {
        .name = p->reader.heading, .first_param = first, .line = p->reader.line};
    if (!ABI_APPEND(p, functions, function_count, item) || !abi_reader_step(&p->reader) ||
        !read_table(p, &abi_function_facts_table) ||
        (p->reader.item == ABI_ITEM_ROW && !read_table(p, &abi_params_table))) {
        return false;
    }
    doc->functions[at].param_count = doc->param_count - first;
    return true;
}

static bool item_callback(abi_parser *p)
{
    abi_doc *doc = p->doc;
    const uint32_t at = doc->callback_count, first = doc->param_count, mode = doc->mode_count;
    const abi_callback item = {.name = p->reader.heading,
                               .first_mode = mode,
                               .first_param = first,
                               .line = p->reader.line};
    if (!ABI_APPEND(p, callbacks, callback_count, item) || !abi_reader_step(&p->reader) ||
        !read_table(p, &abi_callback_facts_table) || !read_table(p, &abi_modes_table) ||
        !read_table(p, &abi_params_table)) {
        return false;
    }
    doc->callbacks[at].mode_count = doc->mode_count - mode;
    doc->callbacks[at].param_count = doc->param_count - first;
    return true;
}

typedef struct section {
    const char *heading;
    const abi_table *only;       /* a section of one table, or */
    bool (*item)(abi_parser *p); /* of items under headings of their own */
} section;

static const section sections[] = {
    {"Handles", &abi_handles_table, NULL},   {"Constants", &abi_constants_table, NULL},
    {"Statuses", &abi_statuses_table, NULL}, {"Structs", NULL, item_struct},
    {"Functions", NULL, item_function},      {"Callbacks", NULL, item_callback},
    {"Limits", &abi_limits_table, NULL},     {"Frozen prefix", &abi_frozen_table, NULL},
};
#define SECTION_COUNT (sizeof sections / sizeof *sections)

static bool read_section(abi_parser *p, const section *s)
{
    abi_reader *reader = &p->reader;
    if (!abi_reader_step(reader)) {
        return false;
    }
    if (s->only != NULL && !read_table(p, s->only)) {
        return false;
    }
    while (s->item != NULL && reader->item == ABI_ITEM_HEADING && reader->level == 3) {
        if (!s->item(p)) {
            return false;
        }
    }
    return reader->item != ABI_ITEM_ROW ||
           abi_fail(p->error, reader->line, "section %s: expected no table here", s->heading);
}

static bool read_document(abi_parser *p, char *text)
{
    uint32_t seen[SECTION_COUNT] = {0};
    abi_reader *reader = &p->reader;
    if (!abi_reader_begin(reader, text, p->error)) {
        return false;
    }
    while (reader->item != ABI_ITEM_END) {
        size_t at = SECTION_COUNT;
        if (reader->item == ABI_ITEM_HEADING && reader->level == 2) {
            for (at = 0;
                 at < SECTION_COUNT && strcmp(sections[at].heading, reader->heading) != 0;) {
                at++;
            }
        }
        if (at < SECTION_COUNT && seen[at]++ != 0) {
            return abi_fail(p->error, reader->line, "section %s: expected once", reader->heading);
        }
        if (at < SECTION_COUNT ? !read_section(p, &sections[at]) : !abi_reader_step(reader)) {
            return false;
        }
    }
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        if (seen[i] == 0) {
            return abi_fail(p->error, reader->line, "end of file: expected the section ## %s",
                            sections[i].heading);
        }
    }
    return true;
}

bool abi_sections_read(abi_doc *doc, abi_error *error)
{
    abi_parser parser = {.doc = doc, .error = error};
    return read_document(&parser, doc->cut);
}
