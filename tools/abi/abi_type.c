/* SPDX-License-Identifier: MIT */
#include "abi_private.h"
#include "abi_table.h"

#include <stdio.h>
#include <string.h>

#define POINTER_BYTES 8u
#define STARS_MAX 2u
#define ELEMENTS_MAX 4096

static const struct {
    const char *name;
    abi_base base;
    uint32_t size;
} scalars[] = {
    {"void", ABI_VOID, 0},    {"char", ABI_CHAR, 1},    {"uint8_t", ABI_U8, 1},
    {"uint16_t", ABI_U16, 2}, {"uint32_t", ABI_U32, 4}, {"uint64_t", ABI_U64, 8},
    {"int32_t", ABI_I32, 4},  {"int64_t", ABI_I64, 8},  {"size_t", ABI_SIZE, 8},
};

static bool same(const char *name, const char *text, size_t length)
{
    return strlen(name) == length && memcmp(name, text, length) == 0;
}

static bool find_base(const abi_doc *doc, const char *text, size_t length, abi_type *type)
{
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++) {
        if (same(scalars[i].name, text, length)) {
            type->base = scalars[i].base;
            type->size = scalars[i].size;
            return true;
        }
    }
    for (type->index = 0; type->index < doc->handle_count; type->index++) {
        if (same(doc->handles[type->index].name, text, length)) {
            type->base = ABI_HANDLE;
            return true;
        }
    }
    for (type->index = 0; type->index < doc->struct_count; type->index++) {
        if (same(doc->structs[type->index].name, text, length)) {
            type->base = ABI_STRUCT;
            return true;
        }
    }
    for (type->index = 0; type->index < doc->callback_count; type->index++) {
        if (same(doc->callbacks[type->index].name, text, length)) {
            type->base = ABI_CALLBACK;
            type->size = POINTER_BYTES;
            return true;
        }
    }
    return false;
}

/* What follows the name: nothing, " *", " **" or "[N]". */
static bool read_suffix(const char *suffix, abi_type *type)
{
    if (suffix[0] == ' ' && suffix[1] == '*') {
        type->stars = (uint32_t)strlen(suffix) - 1;
        type->size = POINTER_BYTES;
        return type->stars <= STARS_MAX && strspn(suffix + 1, "*") == type->stars;
    }
    if (*suffix == '[') {
        char digits[8];
        int64_t count;
        const size_t length = strlen(suffix);
        if (length < 3 || length - 2 >= sizeof digits || suffix[length - 1] != ']') {
            return false;
        }
        snprintf(digits, sizeof digits, "%.*s", (int)(length - 2), suffix + 1);
        if (!abi_number(digits, &count) || count < 1 || count > ELEMENTS_MAX) {
            return false;
        }
        type->is_array = true;
        type->count = (uint32_t)count;
    }
    return type->is_array || *suffix == '\0';
}

bool abi_type_read(const abi_doc *doc, const char *text, abi_type *type)
{
    *type = (abi_type){.count = 1};
    if (strncmp(text, "const ", 6) == 0) {
        type->is_const = true;
        text += 6;
    }
    const size_t length = strcspn(text, " [");
    if (!find_base(doc, text, length, type) || !read_suffix(text + length, type)) {
        return false;
    }
    type->align = type->size;
    type->size *= type->count;
    return type->size != 0;
}
