/* SPDX-License-Identifier: MIT */
/* L1: three views of each layout: the description, libffi, and the compiled library. */
#include "conform.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ELEMENTS_MAX 4096u
#define LINE 64u

/* A struct in libffi's terms. An array becomes as many elements. */
struct laid_out {
    ffi_type type;
    ffi_type *elements[ELEMENTS_MAX + 1];
    size_t offsets[ELEMENTS_MAX];
    uint32_t count;
};

static void lay_out(const abi_struct *type, ffi_type *first, struct laid_out *made)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        const abi_field *field = &kit.doc->fields[type->first_field + i];
        for (uint32_t k = 0; k < field->type.count; k++) {
            EXPECT(made->count < ELEMENTS_MAX, "%s has too many elements", type->name);
            made->elements[made->count++] = ffi_type_of(&field->type);
        }
    }
    if (first != NULL) {
        *first = *made->elements[0];
        first->alignment = LINE;
        made->elements[0] = first;
    }
    made->type.type = FFI_TYPE_STRUCT;
    made->type.elements = made->elements;
    EXPECT(ffi_get_struct_offsets(FFI_DEFAULT_ABI, &made->type, made->offsets) == FFI_OK,
           "libffi can't lay %s out", type->name);
}

static void compare_offsets(const abi_struct *type, const struct laid_out *made)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < type->field_count; i++) {
        const abi_field *field = &kit.doc->fields[type->first_field + i];
        EXPECT(made->offsets[at] == field->offset,
               "%s.%s: at %" PRIu32 " in the description, at %zu for libffi", type->name,
               field->name, field->offset, made->offsets[at]);
        at += field->type.count;
    }
    EXPECT(made->type.size == type->size,
           "%s: %" PRIu32 " bytes in the description, %zu for libffi", type->name, type->size,
           made->type.size);
}

static void libffi_agrees(uint32_t which)
{
    static struct laid_out made;
    const abi_struct *type = &kit.doc->structs[which];
    lay_out(type, NULL, &made);
    compare_offsets(type, &made);
    EXPECT(made.type.alignment == type->align,
           "%s: aligned to %" PRIu32 " in the description, to %u for libffi", type->name,
           type->align, made.type.alignment);
}

/* A holder may put it on separate cache lines: a copy of the first element's type says so. */
static void libffi_agrees_on_whole_lines(uint32_t which)
{
    static struct laid_out made;
    static ffi_type first;
    const abi_struct *type = &kit.doc->structs[which];
    lay_out(type, &first, &made);
    compare_offsets(type, &made);
    EXPECT(made.type.alignment == LINE, "libffi does not align %s to a line", type->name);
}

/* ---- the library's table */

/* Reads a row; false past the end. */
static bool row_read(uint32_t index, void *row)
{
    field_set(row, "ho_abi_row", "size", size_of("ho_abi_row"));
    return strcmp("HO_OK", status_name(MUST("HO_OK HO_E_RANGE", "ho_abi_layout", index, P(row),
                                            P(NULL)))) == 0;
}

static const char *row_text(const void *row, const char *field)
{
    return (const char *)(uintptr_t)field_get(row, "ho_abi_row", field);
}

/* Finds the row of a kind with these names; returns its index, or the number of rows. */
static uint32_t row_find(void *row, const char *kind, const char *name, const char *field)
{
    const uint64_t wanted = (uint64_t)constant(kind);
    for (uint32_t i = 0; row_read(i, row); i++) {
        if (field_get(row, "ho_abi_row", "kind") == wanted &&
            strcmp(row_text(row, "name"), name) == 0 &&
            strcmp(row_text(row, "field"), field) == 0) {
            return i;
        }
    }
    case_fail("the library has no row for %s%s%s", name, *field == '\0' ? "" : ".", field);
}

static void compare(const char *what, const char *of, uint64_t described, uint64_t compiled)
{
    EXPECT(described == compiled,
           "%s of %s: %" PRIi64 " in the description, %" PRIi64 " in the library", what, of,
           (int64_t)described, (int64_t)compiled);
}

static void library_agrees_on_a_struct(uint32_t which)
{
    const abi_struct *type = &kit.doc->structs[which];
    void *row = room(size_of("ho_abi_row"));
    (void)row_find(row, "HO_ROW_STRUCT", type->name, "");
    const uint64_t bytes = field_get(row, "ho_abi_row", "size_bytes");
    if (kit.newer && type->use != ABI_USE_VALUE) {
        EXPECT(bytes >= type->size, "%s has shrunk to %" PRIu64 " bytes", type->name, bytes);
    } else {
        compare("size", type->name, type->size, bytes);
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        const abi_field *field = &kit.doc->fields[type->first_field + i];
        char name[128];
        snprintf(name, sizeof name, "%s.%s", type->name, field->name);
        (void)row_find(row, "HO_ROW_FIELD", type->name, field->name);
        compare("offset", name, field->offset, field_get(row, "ho_abi_row", "offset_bytes"));
        compare("size", name, field->size, field_get(row, "ho_abi_row", "size_bytes"));
    }
}

static void library_agrees_on_constants(uint32_t which)
{
    (void)which;
    void *row = room(size_of("ho_abi_row"));
    for (uint32_t i = 0; i < kit.doc->constant_count; i++) {
        const abi_constant *item = &kit.doc->constants[i];
        const bool is_version =
            strcmp(item->name, "HO_ABI_MINOR") == 0 || strcmp(item->name, "HO_ABI_PATCH") == 0;
        (void)row_find(row, "HO_ROW_CONSTANT", item->name, "");
        compare("size", item->name, item->type.size, field_get(row, "ho_abi_row", "size_bytes"));
        if (!is_version) { /* the patch does not matter, and a newer minor fits */
            compare("value", item->name, (uint64_t)item->value,
                    field_get(row, "ho_abi_row", "value"));
        }
    }
}

static void library_agrees_on_statuses(uint32_t which)
{
    (void)which;
    void *row = room(size_of("ho_abi_row"));
    for (uint32_t i = 0; i < kit.doc->status_count; i++) {
        const abi_status *item = &kit.doc->statuses[i];
        (void)row_find(row, "HO_ROW_CONSTANT", item->name, "");
        compare("value", item->name, (uint64_t)(int64_t)item->value,
                field_get(row, "ho_abi_row", "value"));
    }
}

static void table_has_no_more(uint32_t which)
{
    (void)which;
    const abi_doc *doc = kit.doc;
    uint32_t *count = room(sizeof *count);
    const uint32_t rows =
        doc->struct_count + doc->field_count + doc->constant_count + doc->status_count;
    if (kit.newer) {
        case_skip("the library is newer than the description");
    }
    (void)MUST("HO_OK", "ho_abi_layout", 0, P(NULL), P(count));
    compare("count", "the rows", rows, *count);
    (void)MUST("HO_E_RANGE", "ho_abi_layout", rows, P(NULL), P(count));
}

/* ---- the hash over all of it */

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t layout_hash(void)
{
    char line[256];
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < kit.doc->struct_count; i++) {
        const abi_struct *type = &kit.doc->structs[i];
        snprintf(line, sizeof line, "%s %" PRIu32 "\n", type->name, type->size);
        hash = hash_text(hash, line);
        for (uint32_t k = 0; k < type->field_count; k++) {
            const abi_field *field = &kit.doc->fields[type->first_field + k];
            snprintf(line, sizeof line, "%s.%s %" PRIu32 " %" PRIu32 "\n", type->name, field->name,
                     field->offset, field->size);
            hash = hash_text(hash, line);
        }
    }
    return hash;
}

static void hash_is_of_the_description(uint32_t which)
{
    (void)which;
    void *info = room(size_of("ho_abi_info"));
    if (kit.newer) {
        case_skip("the library is newer than the description");
    }
    (void)MUST("HO_OK", "ho_init", (uint64_t)constant("HO_TYPE_ABI_INFO"), P(info),
               size_of("ho_abi_info"));
    const uint64_t theirs = field_get(info, "ho_abi_info", "layout_hash");
    EXPECT(theirs == layout_hash(),
           "0x%016" PRIx64 " by the description, 0x%016" PRIx64 " in the library", layout_hash(),
           theirs);
}

void layout_cases(void)
{
    for (uint32_t i = 0; i < kit.doc->struct_count; i++) {
        const abi_struct *type = &kit.doc->structs[i];
        case_add("layout", libffi_agrees, i, "%s: libffi lays it out as described", type->name);
        if (type->size % LINE == 0) {
            case_add("layout", libffi_agrees_on_whole_lines, i,
                     "%s: on a line of its own it stays as described", type->name);
        }
        case_add("layout", library_agrees_on_a_struct, i, "%s: compiled as described", type->name);
    }
    case_add("layout", library_agrees_on_constants, 0, "constants are compiled as described");
    case_add("layout", library_agrees_on_statuses, 0, "statuses are compiled as described");
    case_add("layout", table_has_no_more, 0, "the library's table has no more rows");
    case_add("layout", hash_is_of_the_description, 0, "layout_hash is that of the description");
}
