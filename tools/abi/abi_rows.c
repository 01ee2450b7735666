/* SPDX-License-Identifier: MIT */
/* The columns of every table, and the item that each row becomes. */
#include "abi_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool abi_grow(abi_parser *p, void *slot, uint32_t count, size_t item_bytes)
{
    if (count != 0 && (count < 16 || (count & (count - 1)) != 0)) {
        return true;
    }
    void *items;
    memcpy(&items, slot, sizeof items);
    items = realloc(items, (count == 0 ? 16 : (size_t)count * 2) * item_bytes);
    if (items == NULL) {
        return abi_fail(p->error, p->reader.line, "memory: expected more of it");
    }
    memcpy(slot, &items, sizeof items);
    return true;
}

static bool read_u32(abi_parser *p, const char *what, const char *text, uint32_t *value)
{
    int64_t number;
    if (!abi_number(text, &number) || number < 0 || number > UINT32_MAX) {
        return abi_fail(p->error, p->reader.line, "%s '%s': expected a number from 0 to 2^32 - 1",
                        what, text);
    }
    *value = (uint32_t)number;
    return true;
}

static bool read_i64(abi_parser *p, const char *what, const char *text, int64_t *value)
{
    return abi_number(text, value) ||
           abi_fail(p->error, p->reader.line, "%s '%s': expected a number, decimal or after 0x",
                    what, text);
}

/* The index of a word in a list that ends with NULL. */
static bool read_word(abi_parser *p, const char *what, const char *text, const char *const *words,
                      uint32_t *index)
{
    char expected[160] = "";
    for (uint32_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *index = i;
            return true;
        }
        const size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%s%s", i == 0 ? "" : ", ", words[i]);
    }
    return abi_fail(p->error, p->reader.line, "%s '%s': expected one of: %s", what, text, expected);
}

static const char *unless_dash(const char *cell)
{
    return strcmp(cell, "-") == 0 ? NULL : cell;
}

static bool row_handle(abi_parser *p, char **cells)
{
    return ABI_APPEND(p, handles, handle_count,
                      (abi_handle){cells[0], cells[1], cells[2], cells[3], p->reader.line});
}

static bool row_constant(abi_parser *p, char **cells)
{
    abi_constant constant = {
        .name = cells[0], .type_text = cells[1], .meaning = cells[3], .line = p->reader.line};
    return read_i64(p, "value", cells[2], &constant.value) &&
           ABI_APPEND(p, constants, constant_count, constant);
}

static bool row_status(abi_parser *p, char **cells)
{
    abi_status status = {.name = cells[0], .text = cells[2], .line = p->reader.line};
    int64_t value = 0;
    if (!read_i64(p, "value", cells[1], &value)) {
        return false;
    }
    if (value < INT32_MIN || value > INT32_MAX) {
        return abi_fail(p->error, p->reader.line, "value '%s': expected what an int32_t holds",
                        cells[1]);
    }
    status.value = (int32_t)value;
    return ABI_APPEND(p, statuses, status_count, status);
}

static bool row_struct(abi_parser *p, char **cells)
{
    static const char *const uses[] = {"value", "options", "result", NULL};
    abi_struct *item = &p->doc->structs[p->doc->struct_count - 1];
    uint32_t use;
    item->facts_line = p->reader.line;
    item->init = unless_dash(cells[4]);
    if (!read_u32(p, "size", cells[0], &item->size) ||
        !read_u32(p, "align", cells[1], &item->align) ||
        !read_word(p, "use", cells[2], uses, &use)) {
        return false;
    }
    item->use = (abi_use)use;
    if ((item->use == ABI_USE_VALUE) != (unless_dash(cells[3]) == NULL)) {
        return abi_fail(p->error, p->reader.line, "minimum '%s': expected %s", cells[3],
                        item->use == ABI_USE_VALUE ? "- where the use is value" : "bytes");
    }
    return item->use == ABI_USE_VALUE || read_u32(p, "minimum", cells[3], &item->minimum);
}

static bool row_field(abi_parser *p, char **cells)
{
    static const char *const zeros[] = {"no", "yes", "high half", NULL};
    abi_field field = {
        .name = cells[0], .type_text = cells[1], .meaning = cells[5], .line = p->reader.line};
    uint32_t zero;
    if (!read_u32(p, "offset", cells[2], &field.offset) ||
        !read_u32(p, "size", cells[3], &field.size) ||
        !read_word(p, "zero", cells[4], zeros, &zero)) {
        return false;
    }
    field.zero = (abi_zero)zero;
    return ABI_APPEND(p, fields, field_count, field);
}

static bool row_function(abi_parser *p, char **cells)
{
    static const char *const threads[] = {"shard", "producer", "consumer", "owner",
                                          "any",   "init",     NULL};
    static const char *const progresses[] = {"wait-free", "lock-free", "mutex", "may block", NULL};
    static const char *const syscalls[] = {"never", "sometimes", NULL};
    abi_function *item = &p->doc->functions[p->doc->function_count - 1];
    uint32_t thread, progress, syscall;
    if (!read_word(p, "thread", cells[1], threads, &thread) ||
        !read_word(p, "progress", cells[2], progresses, &progress) ||
        !read_word(p, "system calls", cells[3], syscalls, &syscall)) {
        return false;
    }
    item->facts_line = p->reader.line;
    item->returns = cells[0];
    item->thread = (abi_thread)thread;
    item->progress = (abi_progress)progress;
    item->syscalls = (abi_syscalls)syscall;
    item->since = cells[4];
    item->version = cells[5];
    return true;
}

static bool row_param(abi_parser *p, char **cells)
{
    static const char *const directions[] = {"in", "out", "inout", NULL};
    static const char *const nulls[] = {"-", "no", "yes", "if empty", NULL};
    static const char *const transfers[] = {"none", "borrowed for the call", "full",
                                            "until returned", NULL};
    abi_param param = {.name = cells[0],
                       .type_text = cells[1],
                       .length_of = unless_dash(cells[5]),
                       .meaning = cells[6],
                       .line = p->reader.line};
    uint32_t direction, null, transfer;
    if (!read_word(p, "direction", cells[2], directions, &direction) ||
        !read_word(p, "null", cells[3], nulls, &null) ||
        !read_word(p, "transfer", cells[4], transfers, &transfer)) {
        return false;
    }
    param.direction = (abi_direction)direction;
    param.null = (abi_null)null;
    param.transfer = (abi_transfer)transfer;
    return ABI_APPEND(p, params, param_count, param);
}

static bool row_callback(abi_parser *p, char **cells)
{
    static const char *const times[] = {"once per buffer", "once per object", NULL};
    abi_callback *item = &p->doc->callbacks[p->doc->callback_count - 1];
    uint32_t index;
    if (!read_word(p, "times", cells[0], times, &index)) {
        return false;
    }
    item->facts_line = p->reader.line;
    item->times = (abi_times)index;
    item->inside = cells[1];
    item->since = cells[2];
    return true;
}

static bool row_mode(abi_parser *p, char **cells)
{
    return ABI_APPEND(p, modes, mode_count, (abi_mode){cells[0], cells[1], p->reader.line});
}

static bool row_limit(abi_parser *p, char **cells)
{
    abi_limit limit = {
        .name = cells[0], .beyond = cells[2], .meaning = cells[3], .line = p->reader.line};
    return read_i64(p, "value", cells[1], &limit.value) &&
           ABI_APPEND(p, limits, limit_count, limit);
}

static bool row_frozen(abi_parser *p, char **cells)
{
    abi_frozen frozen = {.name = cells[0], .why = cells[2], .line = p->reader.line};
    return (unless_dash(cells[1]) == NULL || read_u32(p, "bytes", cells[1], &frozen.bytes)) &&
           ABI_APPEND(p, frozen, frozen_count, frozen);
}

const abi_table abi_handles_table = {
    "handles", 4, {"handle", "opened by", "closed by", "meaning"}, row_handle, false};
const abi_table abi_constants_table = {
    "constants", 4, {"constant", "type", "value", "meaning"}, row_constant, false};
const abi_table abi_statuses_table = {
    "statuses", 3, {"status", "value", "text"}, row_status, false};
const abi_table abi_struct_facts_table = {
    "facts of the struct", 5, {"size", "align", "use", "minimum", "init"}, row_struct, true};
const abi_table abi_fields_table = {
    "fields", 6, {"field", "type", "offset", "size", "zero", "meaning"}, row_field, false};
const abi_table abi_function_facts_table = {
    "facts of the function",
    6,
    {"returns", "thread", "progress", "system calls", "since", "version"},
    row_function,
    true};
const abi_table abi_params_table = {
    "parameters",
    7,
    {"parameter", "type", "direction", "null", "transfer", "length of", "meaning"},
    row_param,
    false};
const abi_table abi_callback_facts_table = {
    "facts of the callback", 3, {"times", "inside", "since"}, row_callback, true};
const abi_table abi_modes_table = {"modes", 2, {"mode", "runs in"}, row_mode, false};
const abi_table abi_limits_table = {
    "limits", 4, {"limit", "value", "beyond", "meaning"}, row_limit, false};
const abi_table abi_frozen_table = {
    "the frozen prefix", 3, {"name", "bytes", "why"}, row_frozen, false};
