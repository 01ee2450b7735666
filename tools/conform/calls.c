/* SPDX-License-Identifier: MIT */
/* L2: every function: with valid arguments; with NULL where it is allowed and where it is not; with
 * invalid handles. */
#include "conform.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_handle(const abi_param *param)
{
    return param->type.base == ABI_HANDLE && param->type.stars == 1;
}

static bool is_counted_by_out(const struct function *function, const abi_param *param)
{
    for (uint32_t i = 0; i < function->facts->param_count; i++) {
        const abi_param *other = &function->params[i];
        if (other->direction == ABI_OUT && other->length_of != NULL &&
            strcmp(other->length_of, param->name) == 0) {
            return true;
        }
    }
    return false;
}

static uint32_t out_bytes(const abi_param *param)
{
    if (param->type.stars == 2) {
        return sizeof(void *);
    }
    switch (param->type.base) {
    case ABI_STRUCT: return kit.doc->structs[param->type.index].size;
    case ABI_U32:
    case ABI_I32: return 4;
    case ABI_U64:
    case ABI_I64:
    case ABI_SIZE: return 8;
    default: return 0;
    }
}

/* What a failed call leaves in its out parameters. For a batch, the count says it. */
static void check_outs(const struct function *function, const uint64_t *args)
{
    for (uint32_t i = 0; i < function->facts->param_count; i++) {
        const abi_param *param = &function->params[i];
        const unsigned char *at = (const unsigned char *)(uintptr_t)args[i];
        if (param->direction != ABI_OUT || at == NULL || is_counted_by_out(function, param)) {
            continue;
        }
        const unsigned char expected = param->type.base == ABI_I32 ? 0xff : 0;
        for (uint32_t k = 0; k < out_bytes(param); k++) {
            EXPECT(at[k] == expected, "%s failed and left something in %s", function->facts->name,
                   param->name);
        }
    }
}

static int32_t call_made(const struct function *function, const uint64_t *args)
{
    return call_with(function->facts->name, function->facts->param_count, args);
}

static void fits(uint32_t which)
{
    const struct function *function = &kit.functions[which];
    uint64_t args[ABI_PARAMS_MAX];
    struct world world;
    world_make(&world);
    world_args(&world, function, args);
    (void)must_be(world_status(function->facts->name), function->facts->name,
                  call_made(function, args));
}

/* ---- NULL */

static abi_param const *counter_of(const struct function *function, const abi_param *param,
                                   uint32_t *index)
{
    for (*index = 0; *index < function->facts->param_count; (*index)++) {
        const abi_param *other = &function->params[*index];
        if (other->direction == ABI_IN && other->length_of != NULL &&
            strcmp(other->length_of, param->name) == 0) {
            return other;
        }
    }
    return NULL;
}

/* Puts NULL where `mask` has a bit and, if `empty`, sets its count to 0. Returns the statuses that
 * the function may return. */
static const char *apply_nulls(const struct function *function, uint32_t mask, bool empty,
                               uint64_t *args)
{
    bool handle = false, other = false, is_empty = false;
    for (uint32_t i = 0; i < function->facts->param_count; i++) {
        const abi_param *param = &function->params[i];
        uint32_t counter;
        if (empty && param->null == ABI_NULL_IF_EMPTY &&
            counter_of(function, param, &counter) != NULL) {
            args[counter] = 0;
            is_empty = true;
        }
        if ((mask >> i & 1) == 0) {
            continue;
        }
        args[i] = 0;
        handle = handle || (is_handle(param) && param->null == ABI_NULL_NO);
        other = other || (!is_handle(param) && param->null == ABI_NULL_NO) ||
                (!empty && param->null == ABI_NULL_IF_EMPTY);
    }
    if (handle || other) {
        return handle && other ? "HO_E_HANDLE HO_E_INVAL" : handle ? "HO_E_HANDLE" : "HO_E_INVAL";
    }
    return is_empty ? "HO_OK HO_EMPTY" : world_status(function->facts->name);
}

static void null_where(const struct function *function, uint32_t mask, bool empty)
{
    uint64_t args[ABI_PARAMS_MAX];
    struct world world;
    char names[96] = "no NULL";
    size_t used = 0;
    world_make(&world);
    world_args(&world, function, args);
    for (uint32_t i = 0; i < function->facts->param_count; i++) {
        if ((mask >> i & 1) != 0 && used + 24 < sizeof names) {
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%.20s",
                                     used == 0 ? "NULL for " : ", ", function->params[i].name);
        }
    }
    case_step("%s%s", names, empty ? ", nothing to be done" : "");
    const char *expected = apply_nulls(function, mask, empty, args);
    if (must_be(expected, function->facts->name, call_made(function, args)) < 0) {
        check_outs(function, args);
    }
}

static void nulls(uint32_t which)
{
    const struct function *function = &kit.functions[which];
    uint32_t pointers = 0, counted = 0;
    for (uint32_t i = 0; i < function->facts->param_count; i++) {
        pointers |= (uint32_t)(function->params[i].null != ABI_NULL_NA) << i;
        counted |= (uint32_t)(function->params[i].null == ABI_NULL_IF_EMPTY) << i;
    }
    for (uint32_t mask = 0; mask <= pointers; mask++) {
        if ((mask & ~pointers) == 0) {
            null_where(function, mask, false);
            if (counted != 0) {
                null_where(function, mask, true);
            }
        }
    }
}

/* ---- handles */

static void refused(const struct function *function, uint32_t at, const char *what,
                    uint64_t (*forge)(const struct world *world, uint64_t handle))
{
    uint64_t args[ABI_PARAMS_MAX];
    struct world world;
    world_make(&world);
    world_args(&world, function, args);
    args[at] = forge(&world, args[at]);
    case_step("%s for %s", what, function->params[at].name);
    (void)must_be("HO_E_HANDLE", function->facts->name, call_made(function, args));
    check_outs(function, args);
}

static uint64_t forge_small(const struct world *world, uint64_t handle)
{
    (void)world;
    return handle != 1;
}

static uint64_t forge_ones(const struct world *world, uint64_t handle)
{
    (void)world;
    (void)handle;
    return UINT64_MAX;
}

static uint64_t forge_bit(const struct world *world, uint64_t handle)
{
    (void)world;
    return handle ^ UINT64_C(1) << 40;
}

static uint64_t forge_type(const struct world *world, uint64_t handle)
{
    return P(world->domain) == handle ? P(world->service) : P(world->domain);
}

/* Opens and closes a separate domain, arena and service, which hold nothing. */
static uint64_t forge_closed(const struct world *world, uint64_t handle)
{
    void **made = room(4 * sizeof *made);
    if (handle == P(world->producer)) {
        (void)MUST("HO_OK", "ho_producer_close", handle);
        return handle;
    }
    if (handle == P(world->consumer)) {
        (void)MUST("HO_OK", "ho_consumer_close", handle);
        return handle;
    }
    domain_make(&made[0]);
    (void)MUST("HO_OK", "ho_service_open", P(made[0]), P(NULL), P(&made[1]));
    (void)MUST("HO_OK", "ho_service_close", P(made[1]), 0, P(NULL));
    memory_make(made[0], &made[2], &made[3]);
    (void)MUST("HO_OK", "ho_shard_close", P(made[3]));
    (void)MUST("HO_OK", "ho_arena_close", P(made[2]), 0, P(NULL));
    if (handle == P(world->service)) {
        return P(made[1]);
    }
    if (handle == P(world->arena)) {
        return P(made[2]);
    }
    if (handle == P(world->shard)) {
        return P(made[3]);
    }
    (void)MUST("HO_OK", "ho_domain_close", P(made[0]), 0, P(NULL));
    (void)MUST("HO_OK", "ho_domain_destroy", P(made[0]), P(NULL));
    return P(made[0]);
}

static void handles(uint32_t which)
{
    const struct function *function = &kit.functions[which];
    for (uint32_t i = 0; i < function->facts->param_count; i++) {
        if (is_handle(&function->params[i])) {
            refused(function, i, "a small number", forge_small);
            refused(function, i, "all ones", forge_ones);
            refused(function, i, "a flipped bit", forge_bit);
            refused(function, i, "a handle of another type", forge_type);
            refused(function, i, "a closed handle", forge_closed);
        }
    }
}

/* ---- in a child */

/* The child must not use what was opened before the fork. */
static void forked(uint32_t which)
{
    const struct function *function = &kit.functions[which];
    uint64_t args[ABI_PARAMS_MAX];
    struct world world;
    int status = 0;
    world_make(&world);
    world_args(&world, function, args);
    const pid_t child = fork();
    if (child == 0) {
        (void)must_be("HO_E_FORKED", function->facts->name, call_made(function, args));
        check_outs(function, args);
        _exit(0);
    }
    EXPECT(child > 0 && waitpid(child, &status, 0) == child, "could not fork");
    if (status != 0) {
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1); /* the child has reported why */
    }
    (void)must_be(world_status(function->facts->name), function->facts->name,
                  call_made(function, args));
}

void calls_cases(void)
{
    for (uint32_t i = 0; i < kit.doc->function_count; i++) {
        const struct function *function = &kit.functions[i];
        bool has_pointer = false, has_handle = false;
        for (uint32_t k = 0; k < function->facts->param_count; k++) {
            has_pointer = has_pointer || function->params[k].null != ABI_NULL_NA;
            has_handle = has_handle || is_handle(&function->params[k]);
        }
        case_add("calls", fits, i, "%s: takes what the description says", function->facts->name);
        if (has_pointer) {
            case_add("calls", nulls, i, "%s: NULL only where it may", function->facts->name);
        }
        if (has_handle) {
            case_add("calls", handles, i, "%s: refuses invalid handles", function->facts->name);
            case_add("calls", forked, i, "%s: refuses what the parent opened",
                     function->facts->name);
        }
    }
}
