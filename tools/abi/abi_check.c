/* SPDX-License-Identifier: MIT */
#include "abi_private.h"
#include "abi_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct checked_name {
    const char *what, *name, *prefix;
    uint32_t line;
} checked_name;

/* The i-th of all names that share C's name space. */
static bool name_at(const abi_doc *doc, uint32_t i, checked_name *out)
{
#define NAMES_OF(text, items, count, begins)                                                       \
    if (i < doc->count) {                                                                          \
        *out = (checked_name){text, doc->items[i].name, begins, doc->items[i].line};               \
        return true;                                                                               \
    }                                                                                              \
    i -= doc->count
    NAMES_OF("handle", handles, handle_count, "ho_");
    NAMES_OF("constant", constants, constant_count, "HO_");
    NAMES_OF("status", statuses, status_count, "HO_");
    NAMES_OF("struct", structs, struct_count, "ho_");
    NAMES_OF("function", functions, function_count, "ho_");
    NAMES_OF("callback", callbacks, callback_count, "ho_");
#undef NAMES_OF
    return false;
}

static bool is_name(const char *name, const char *prefix)
{
    const char *letters = *prefix == 'H' ? "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
                                         : "abcdefghijklmnopqrstuvwxyz0123456789_";
    return strncmp(name, prefix, strlen(prefix)) == 0 && strspn(name, letters) == strlen(name) &&
           name[strlen(prefix)] != '\0' && !(name[0] >= '0' && name[0] <= '9');
}

static bool check_names(const abi_doc *doc, abi_error *error)
{
    checked_name item, former;
    for (uint32_t i = 0; name_at(doc, i, &item); i++) {
        if (!is_name(item.name, item.prefix)) {
            return abi_fail(error, item.line, "%s '%s': expected a name that begins with %s",
                            item.what, item.name, item.prefix);
        }
        for (uint32_t k = 0; k < i && name_at(doc, k, &former); k++) {
            if (strcmp(item.name, former.name) == 0) {
                return abi_fail(error, item.line,
                                "%s %s: expected another name, line %" PRIu32 " has this one",
                                item.what, item.name, former.line);
            }
        }
    }
    return true;
}

static bool read_type(const abi_doc *doc, const char *text, uint32_t line, abi_type *type,
                      abi_error *error)
{
    return abi_type_read(doc, text, type) ||
           abi_fail(error, line,
                    "type '%s': expected a type of the grammar, or one of this file (a handle or a "
                    "struct behind *)",
                    text);
}

static bool fits(const abi_type *type, int64_t value)
{
    if (type->base == ABI_I64 || type->base == ABI_U64 || type->base == ABI_SIZE) {
        return type->base == ABI_I64 || value >= 0;
    }
    const uint32_t bits = type->size * 8;
    return type->base == ABI_I32 ? value >= INT32_MIN && value <= INT32_MAX
                                 : value >= 0 && value < (int64_t)1 << bits;
}

static bool check_constants(abi_doc *doc, abi_error *error)
{
    for (uint32_t i = 0; i < doc->constant_count; i++) {
        abi_constant *constant = &doc->constants[i];
        if (!read_type(doc, constant->type_text, constant->line, &constant->type, error)) {
            return false;
        }
        if (constant->type.base > ABI_SIZE || constant->type.base == ABI_CHAR ||
            constant->type.stars != 0 || constant->type.is_array) {
            return abi_fail(error, constant->line, "type of %s: expected an integer type",
                            constant->name);
        }
        if (!fits(&constant->type, constant->value)) {
            return abi_fail(error, constant->line, "value of %s: expected what a %s holds",
                            constant->name, constant->type_text);
        }
    }
    return true;
}

static bool check_functions_of(const abi_doc *doc, const char *list, uint32_t line,
                               abi_error *error)
{
    char name[128];
    while (abi_list_next(&list, name, sizeof name)) {
        if (abi_md_function(doc, name) == NULL) {
            return abi_fail(error, line, "function '%s': expected one of the section Functions",
                            name);
        }
    }
    return true;
}

static bool check_handles(const abi_doc *doc, abi_error *error)
{
    for (uint32_t i = 0; i < doc->handle_count; i++) {
        const abi_handle *handle = &doc->handles[i];
        if (!check_functions_of(doc, handle->opened_by, handle->line, error) ||
            !check_functions_of(doc, handle->closed_by, handle->line, error)) {
            return false;
        }
    }
    return true;
}

static const abi_param *find_param(const abi_param *params, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(params[i].name, name) == 0) {
            return &params[i];
        }
    }
    return NULL;
}

static bool is_counted(const abi_param *params, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (params[i].direction == ABI_IN && params[i].length_of != NULL &&
            strcmp(params[i].length_of, name) == 0) {
            return true;
        }
    }
    return false;
}

/* What is inconsistent about one parameter's attributes; NULL if nothing. */
static const char *param_fault(const abi_param *params, uint32_t count, const abi_param *param)
{
    const bool pointer = param->type.stars != 0;
    const abi_param *counted =
        param->length_of != NULL ? find_param(params, count, param->length_of) : NULL;
    if (find_param(params, count, param->name) != param) {
        return "expected another name, the function has this one before";
    }
    if (param->type.is_array) {
        return "expected a pointer, not an array";
    }
    if (pointer == (param->null == ABI_NULL_NA)) {
        return pointer ? "null: expected no, yes or if empty"
                       : "null: expected -, it is no pointer";
    }
    if (param->direction != ABI_IN &&
        (!pointer || (param->type.is_const && param->type.stars == 1))) {
        return "direction: expected in, the call can't write there";
    }
    if (!pointer && param->transfer != ABI_TRANSFER_NONE) {
        return "transfer: expected none, it is no pointer";
    }
    if (param->transfer == ABI_TRANSFER_HELD && param->direction != ABI_OUT) {
        return "transfer: expected until returned only where the direction is out";
    }
    if (param->length_of != NULL && (counted == NULL || counted->type.stars == 0)) {
        return "length of: expected a pointer among the parameters";
    }
    if (param->null == ABI_NULL_IF_EMPTY && !is_counted(params, count, param->name)) {
        return "null: expected a parameter that counts it";
    }
    return NULL;
}

static bool check_params(abi_doc *doc, const char *function, uint32_t first, uint32_t count,
                         abi_error *error)
{
    abi_param *params = count == 0 ? NULL : &doc->params[first];
    for (uint32_t i = 0; i < count; i++) {
        if (i == ABI_PARAMS_MAX) {
            return abi_fail(error, params[i].line, "parameters of %s: expected at most %u",
                            function, ABI_PARAMS_MAX);
        }
        if (!is_name(params[i].name, "")) {
            return abi_fail(error, params[i].line, "parameter '%s' of %s: expected a name in C",
                            params[i].name, function);
        }
        if (!read_type(doc, params[i].type_text, params[i].line, &params[i].type, error)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        const char *fault = param_fault(params, count, &params[i]);
        if (fault != NULL) {
            return abi_fail(error, params[i].line, "parameter %s.%s: %s", function, params[i].name,
                            fault);
        }
    }
    return true;
}

static bool check_since(const char *since, uint32_t line, abi_error *error)
{
    const size_t major = strspn(since, "0123456789");
    const size_t minor = since[major] == '.' ? strspn(since + major + 1, "0123456789") : 0;
    return (major > 0 && minor > 0 && since[major + 1 + minor] == '\0') ||
           abi_fail(error, line, "since '%s': expected major.minor", since);
}

static bool check_function(abi_doc *doc, const abi_function *function, abi_error *error)
{
    const char *list = function->returns;
    char name[128];
    while (abi_list_next(&list, name, sizeof name)) {
        if (abi_md_status(doc, name) == NULL) {
            return abi_fail(error, function->facts_line,
                            "status '%s' of %s: expected one of the section Statuses", name,
                            function->name);
        }
    }
    if (!check_since(function->since, function->facts_line, error)) {
        return false;
    }
    snprintf(name, sizeof name, "HANDOFF_%s", function->since);
    if (strcmp(name, function->version) != 0) {
        return abi_fail(error, function->facts_line, "version '%s' of %s: expected %s",
                        function->version, function->name, name);
    }
    return check_params(doc, function->name, function->first_param, function->param_count, error);
}

static bool check_callback(abi_doc *doc, const abi_callback *callback, abi_error *error)
{
    const char *list = callback->inside;
    char name[128];
    while (abi_list_next(&list, name, sizeof name)) {
        if (!abi_list_has("shard producer consumer owner any init", name)) {
            return abi_fail(error, callback->facts_line,
                            "inside '%s': expected shard, producer, consumer, owner, any, init",
                            name);
        }
    }
    if (!check_since(callback->since, callback->facts_line, error)) {
        return false;
    }
    for (uint32_t i = 0; i < callback->mode_count; i++) {
        const abi_mode *mode = &doc->modes[callback->first_mode + i];
        if (strcmp(mode->mode, "-") != 0 && abi_md_constant(doc, mode->mode) == NULL) {
            return abi_fail(error, mode->line,
                            "mode '%s': expected - or one of the section Constants", mode->mode);
        }
        if (!check_functions_of(doc, mode->runs_in, mode->line, error)) {
            return false;
        }
    }
    return check_params(doc, callback->name, callback->first_param, callback->param_count, error);
}

static bool check_limits(const abi_doc *doc, abi_error *error)
{
    for (uint32_t i = 0; i < doc->limit_count; i++) {
        const abi_limit *limit = &doc->limits[i];
        if (abi_md_status(doc, limit->beyond) == NULL) {
            return abi_fail(error, limit->line, "beyond '%s': expected one of the section Statuses",
                            limit->beyond);
        }
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(doc->limits[k].name, limit->name) == 0) {
                return abi_fail(error, limit->line,
                                "limit %s: expected another name, line %" PRIu32 " has this one",
                                limit->name, doc->limits[k].line);
            }
        }
    }
    return true;
}

static bool check_frozen(const abi_doc *doc, abi_error *error)
{
    checked_name item;
    for (uint32_t i = 0; i < doc->frozen_count; i++) {
        const abi_frozen *frozen = &doc->frozen[i];
        const abi_struct *laid_out = abi_md_struct(doc, frozen->name);
        bool known = false;
        for (uint32_t k = 0; !known && name_at(doc, k, &item); k++) {
            known = strcmp(item.name, frozen->name) == 0;
        }
        if (!known) {
            return abi_fail(error, frozen->line, "name '%s': expected one of this file",
                            frozen->name);
        }
        if (frozen->bytes > (laid_out != NULL ? laid_out->size : 0)) {
            return abi_fail(error, frozen->line, "bytes of %s: expected at most its size",
                            frozen->name);
        }
    }
    return true;
}

bool abi_check(abi_doc *doc, abi_error *error)
{
    if (!check_names(doc, error) || !check_constants(doc, error) ||
        !abi_check_structs(doc, error)) {
        return false;
    }
    for (uint32_t i = 0; i < doc->function_count; i++) {
        if (!check_function(doc, &doc->functions[i], error)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < doc->callback_count; i++) {
        if (!check_callback(doc, &doc->callbacks[i], error)) {
            return false;
        }
    }
    return check_handles(doc, error) && check_limits(doc, error) && check_frozen(doc, error);
}
