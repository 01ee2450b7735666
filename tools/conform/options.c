/* SPDX-License-Identifier: MIT */
/* L2: structs that begin with their size, at every size and with every unknown bit. They end at an
 * unreadable page. */
#include "conform.h"

#include <string.h>

#define TAIL 64u
#define PARAM_BITS 3u /* ABI_PARAMS_MAX fits */
#define CASE(function, param) ((function) << PARAM_BITS | (param))

struct target {
    const struct function *function;
    const abi_struct *type;
    uint32_t at; /* index of the parameter */
};

static struct target target_of(uint32_t which)
{
    const struct function *function = &kit.functions[which >> PARAM_BITS];
    const uint32_t at = which & ((1u << PARAM_BITS) - 1);
    return (struct target){function, &kit.doc->structs[function->params[at].type.index], at};
}

/* Calls with a struct of `size` bytes at the end of a page, modified by `change`. */
static int32_t call_sized(const struct target *target, uint32_t size, uint8_t tail,
                          const abi_field *field, uint64_t value, void **passed)
{
    uint64_t args[ABI_PARAMS_MAX];
    struct world world;
    world_make(&world);
    world_args(&world, target->function, args);
    const uint32_t bytes = size < sizeof size ? (uint32_t)sizeof size : size;
    void *at = page_end(bytes);
    const void *made = (const void *)(uintptr_t)args[target->at];
    memcpy(at, made, bytes < target->type->size ? bytes : target->type->size);
    if (field != NULL) {
        field_set_at(at, field, value);
    }
    if (size > target->type->size) {
        memset((char *)at + target->type->size, tail, size - target->type->size);
    }
    memcpy(at, &size, sizeof size); /* `size` is the first field */
    args[target->at] = P(at);
    *passed = at;
    return call_with(target->function->facts->name, target->function->facts->param_count, args);
}

static void expect_sized(const struct target *target, uint32_t size, uint8_t tail,
                         const char *expected)
{
    void *passed;
    uint32_t after;
    case_step("size %u%s", size,
              size <= target->type->size ? ""
              : tail == 0                ? ", a tail of zeros"
                                         : ", a tail");
    (void)must_be(expected, target->function->facts->name,
                  call_sized(target, size, tail, NULL, 0, &passed));
    memcpy(&after, passed, sizeof after);
    EXPECT(after == size, "%s changed the size to %u", target->function->facts->name, after);
    for (uint32_t i = target->type->size; i < size; i++) {
        EXPECT(((uint8_t *)passed)[i] == tail, "%s wrote behind what it knows",
               target->function->facts->name);
    }
}

static void sizes(uint32_t which)
{
    const struct target target = target_of(which);
    const abi_struct *type = target.type;
    const char *good = world_status(target.function->facts->name);
    expect_sized(&target, 0, 0, "HO_E_SIZE");
    expect_sized(&target, type->minimum - 1, 0, "HO_E_SIZE");
    expect_sized(&target, type->minimum, 0, good);
    expect_sized(&target, type->size, 0, good);
    expect_sized(&target, type->size + TAIL, 0, good);
    expect_sized(&target, type->size + TAIL, 0xff,
                 type->use == ABI_USE_OPTIONS && !kit.newer ? "HO_E_TOO_NEW" : good);
}

/* ---- bits */

static void expect_field(const struct target *target, const abi_field *field, uint64_t value,
                         const char *expected)
{
    void *passed;
    case_step("%s.%s = 0x%llx", target->type->name, field->name, (unsigned long long)value);
    (void)must_be(expected, target->function->facts->name,
                  call_sized(target, target->type->size, 0, field, value, &passed));
}

static void bits(uint32_t which)
{
    const struct target target = target_of(which);
    const char *good = world_status(target.function->facts->name);
    for (uint32_t i = 0; i < target.type->field_count; i++) {
        const abi_field *field = &kit.doc->fields[target.type->first_field + i];
        const uint32_t element_bits = field->size / field->type.count * 8;
        const uint32_t step = field->zero == ABI_ZERO_HIGH_HALF ? 1 : 3;
        for (uint32_t bit = 0; bit < element_bits && field->zero != ABI_ZERO_NO; bit += step) {
            const bool high = bit >= element_bits / 2;
            expect_field(&target, field, UINT64_C(1) << bit,
                         field->zero == ABI_ZERO_YES ? "HO_E_RESERVED"
                         : high                      ? "HO_E_FLAGS"
                                                     : good);
        }
    }
}

/* ---- ho_init */

static void init(uint32_t which)
{
    const abi_struct *type = &kit.doc->structs[which];
    const uint32_t sizes_good[] = {type->minimum, type->size, type->size + TAIL};
    const uint64_t number = (uint64_t)constant(type->init);
    case_step("below the minimum");
    (void)MUST("HO_E_SIZE", "ho_init", number, P(page_end(type->size)), type->minimum - 1);
    for (uint32_t i = 0; i < 3; i++) {
        const uint32_t size = sizes_good[i];
        uint8_t *at = page_end(size);
        uint32_t begin;
        case_step("size %u", size);
        memset(at, 0xff, size);
        (void)MUST("HO_OK", "ho_init", number, P(at), size);
        memcpy(&begin, at, sizeof begin);
        EXPECT(begin == size, "the size is %u", begin);
        const bool is_info = strcmp(type->name, "ho_abi_info") == 0; /* it contains the versions */
        for (uint32_t k = is_info ? type->size : (uint32_t)sizeof begin; k < size; k++) {
            EXPECT(at[k] == 0, "byte %u is not zero", k);
        }
    }
}

static void init_of_no_type(uint32_t which)
{
    uint64_t free_number = 1;
    (void)which;
    for (uint32_t i = 0; i < kit.doc->struct_count; i++) {
        const char *name = kit.doc->structs[i].init;
        if (name != NULL && (uint64_t)constant(name) >= free_number) {
            free_number = (uint64_t)constant(name) + 1;
        }
    }
    if (!kit.newer) {
        (void)MUST("HO_E_INVAL", "ho_init", free_number, P(room(256)), 256);
    }
    (void)MUST("HO_E_INVAL", "ho_init", 0, P(room(256)), 256);
    (void)MUST("HO_E_INVAL", "ho_init", UINT32_MAX, P(room(256)), 256);
}

static bool has_bits(const abi_struct *type)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (kit.doc->fields[type->first_field + i].zero != ABI_ZERO_NO) {
            return true;
        }
    }
    return false;
}

void options_cases(void)
{
    for (uint32_t i = 0; i < kit.doc->function_count; i++) {
        const struct function *function = &kit.functions[i];
        for (uint32_t k = 0; k < function->facts->param_count; k++) {
            const abi_type *at = &function->params[k].type;
            const abi_struct *type = at->base == ABI_STRUCT ? &kit.doc->structs[at->index] : NULL;
            if (type == NULL || type->minimum == 0 || at->stars != 1) {
                continue;
            }
            case_add("calls", sizes, CASE(i, k), "%s: %s of every size", function->facts->name,
                     function->params[k].name);
            if (type->use == ABI_USE_OPTIONS && has_bits(type)) {
                case_add("calls", bits, CASE(i, k), "%s: bits of %s that are not known",
                         function->facts->name, function->params[k].name);
            }
        }
    }
    for (uint32_t i = 0; i < kit.doc->struct_count; i++) {
        if (kit.doc->structs[i].init != NULL) {
            case_add("calls", init, i, "ho_init: %s of every size", kit.doc->structs[i].name);
        }
    }
    case_add("calls", init_of_no_type, 0, "ho_init: an unknown type");
}
