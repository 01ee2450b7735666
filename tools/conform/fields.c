/* SPDX-License-Identifier: MIT */
/* Constants, structs and fields by name. */
#include "conform.h"

#include <string.h>

int64_t constant(const char *name)
{
    const abi_constant *found = abi_md_constant(kit.doc, name);
    const abi_status *status = abi_md_status(kit.doc, name);
    if (found == NULL && status == NULL) {
        case_skip("the description has no %s", name);
    }
    return found != NULL ? found->value : status->value;
}

const char *status_name(int32_t status)
{
    for (uint32_t i = 0; i < kit.doc->status_count; i++) {
        if (kit.doc->statuses[i].value == status) {
            return kit.doc->statuses[i].name;
        }
    }
    return "a status that the description does not have";
}

const abi_struct *struct_named(const char *name)
{
    const abi_struct *found = abi_md_struct(kit.doc, name);
    if (found == NULL) {
        case_skip("the description has no struct %s", name);
    }
    return found;
}

const abi_field *field_named(const abi_struct *type, const char *field)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        const abi_field *found = &kit.doc->fields[type->first_field + i];
        if (strcmp(found->name, field) == 0) {
            return found;
        }
    }
    case_skip("the description has no %s.%s", type->name, field);
}

uint32_t size_of(const char *type)
{
    return struct_named(type)->size;
}

static uint32_t element_bytes(const abi_field *field)
{
    return field->size / field->type.count;
}

uint64_t field_get(const void *at, const char *type, const char *name)
{
    const abi_field *field = field_named(struct_named(type), name);
    uint64_t value = 0; /* low bytes first, as on every supported machine */
    memcpy(&value, (const char *)at + field->offset, element_bytes(field));
    return value;
}

void field_set_at(void *at, const abi_field *field, uint64_t value)
{
    memcpy((char *)at + field->offset, &value, element_bytes(field));
}

void field_set(void *at, const char *type, const char *name, uint64_t value)
{
    field_set_at(at, field_named(struct_named(type), name), value);
}
