/* SPDX-License-Identifier: MIT */
/* Layouts: natural alignment, no byte without a field, no duplicate names. */
#include "abi_private.h"
#include "abi_table.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool check_field(const abi_doc *doc, const abi_struct *item, abi_field *field,
                        const abi_field *former, abi_error *error)
{
    const uint32_t begin = former == NULL ? 0 : former->offset + former->size;
    if (!abi_type_read(doc, field->type_text, &field->type)) {
        return abi_fail(error, field->line,
                        "type '%s' of %s.%s: expected a type of the grammar, or one of this file "
                        "(a handle or a struct behind *)",
                        field->type_text, item->name, field->name);
    }
    for (const abi_field *f = &doc->fields[item->first_field]; f != field; f++) {
        if (strcmp(f->name, field->name) == 0) {
            return abi_fail(error, field->line,
                            "field %s.%s: expected another name, line %" PRIu32 " has this one",
                            item->name, field->name, f->line);
        }
    }
    if (field->size != field->type.size) {
        return abi_fail(error, field->line,
                        "size %" PRIu32 " of %s.%s: expected %" PRIu32 ", as %s has", field->size,
                        item->name, field->name, field->type.size, field->type_text);
    }
    if (field->offset != begin) {
        return abi_fail(error, field->line, "offset %" PRIu32 " of %s.%s: expected %" PRIu32 ", %s",
                        field->offset, item->name, field->name, begin,
                        field->offset < begin ? "the field before ends there, they overlap"
                                              : "every byte belongs to a field");
    }
    if (field->offset % field->type.align != 0) {
        return abi_fail(error, field->line,
                        "offset %" PRIu32 " of %s.%s: expected a multiple of %" PRIu32,
                        field->offset, item->name, field->name, field->type.align);
    }
    return true;
}

/* ho_x becomes HO_X_MIN. */
static const char *minimum_name(const char *name, char made[static 128])
{
    snprintf(made, 128, "%s_MIN", name);
    for (char *letter = made; *letter != '\0'; letter++) {
        *letter = (char)toupper((unsigned char)*letter);
    }
    return made;
}

/* A struct that can grow: size comes first, and the minimum ends with a field. */
static bool check_growth(const abi_doc *doc, const abi_struct *item, abi_error *error)
{
    const abi_field *fields = &doc->fields[item->first_field];
    char name[128];
    bool ends = false;
    for (uint32_t i = 0; i < item->field_count; i++) {
        ends = ends || fields[i].offset + fields[i].size == item->minimum;
    }
    if (!ends) {
        return abi_fail(error, item->facts_line,
                        "minimum %" PRIu32 " of %s: expected the end of a field", item->minimum,
                        item->name);
    }
    if (strcmp(fields[0].name, "size") != 0 || fields[0].type.base != ABI_U32) {
        return abi_fail(error, fields[0].line,
                        "first field of %s: expected size, uint32_t, as the use is not value",
                        item->name);
    }
    const abi_constant *minimum = abi_md_constant(doc, minimum_name(item->name, name));
    if (minimum != NULL && minimum->value != item->minimum) {
        return abi_fail(error, item->facts_line,
                        "minimum %" PRIu32 " of %s: expected %" PRIi64 ", as %s says",
                        item->minimum, item->name, minimum->value, name);
    }
    if (item->init == NULL || abi_md_constant(doc, item->init) == NULL) {
        return abi_fail(error, item->facts_line,
                        "init '%s' of %s: expected one of the section Constants",
                        item->init == NULL ? "-" : item->init, item->name);
    }
    return true;
}

static bool check_struct(abi_doc *doc, const abi_struct *item, abi_error *error)
{
    const abi_field *former = NULL;
    uint32_t align = 1;
    for (uint32_t i = 0; i < item->field_count; i++) {
        abi_field *field = &doc->fields[item->first_field + i];
        if (!check_field(doc, item, field, former, error)) {
            return false;
        }
        align = field->type.align > align ? field->type.align : align;
        former = field;
    }
    const uint32_t end = former->offset + former->size;
    if (item->size != end || item->size % align != 0) {
        return abi_fail(error, item->facts_line,
                        "size %" PRIu32 " of %s: expected %" PRIu32
                        ", where its fields end, and a multiple of its align",
                        item->size, item->name, end);
    }
    if (item->align != align) {
        return abi_fail(error, item->facts_line, "align %" PRIu32 " of %s: expected %" PRIu32,
                        item->align, item->name, align);
    }
    return item->use == ABI_USE_VALUE || check_growth(doc, item, error);
}

bool abi_check_structs(abi_doc *doc, abi_error *error)
{
    for (uint32_t i = 0; i < doc->struct_count; i++) {
        if (!check_struct(doc, &doc->structs[i], error)) {
            return false;
        }
    }
    return true;
}
