/* SPDX-License-Identifier: MIT */
/* docs/pools.md, memory of any size: its code and its claims. */
#include "rig.h"

static rig r;

static int open_rig(void **state)
{
    (void)state;
    rig_open(&r, NULL);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_check_quiet(&r);
    rig_close(&r);
    return 0;
}

/* snippet: a name of any length */
static char *copy_name(ho_arena *arena, const char *name)
{
    void *copy;
    size_t bytes = strlen(name) + 1;
    if (ho_alloc(arena, bytes, 1, &copy)) /* HO_FULL: the arena's budget is used up */
        return NULL;
    return memcpy(copy, name, bytes);
}

static void free_name(ho_arena *arena, char *name)
{
    ho_free_sized(arena, name, strlen(name) + 1, 1); /* HO_E_RANGE: of another length by now */
}
/* snippet end */

static void names_of_any_length(void **state)
{
    (void)state;
    char name[1000], *copies[1000];
    memset(name, 'n', sizeof name);
    for (uint32_t len = 0; len < 1000; len++) {
        name[len] = 0;
        copies[len] = copy_name(r.arena, name);
        CHECK(copies[len] && !strcmp(copies[len], name));
        name[len] = 'n';
    }
    for (uint32_t len = 0; len < 1000; len++)
        free_name(r.arena, copies[len]);
    CHECK(rig_arena_stats(r.arena).allocs_out == 0);
}

/* "The first one of a class of up to 8 KiB takes two to five pages of the budget." */
static void a_class_takes_few_pages(void **state)
{
    (void)state;
    enum { MOST = 80 };
    ho_arena *arena = rig_arena(r.domain, ARENA_OPTS(.budget_bytes = 64 * RIG_SEGMENT));
    void *ptrs[MOST];
    uint64_t held = 0;
    uint32_t n = 0;
    for (uint64_t bytes = 8; bytes <= 8192; n++) {
        CHECK(n < MOST);
        CHECK_STATUS(ho_alloc(arena, bytes, 8, &ptrs[n]), HO_OK);
        uint64_t now = rig_arena_stats(arena).alloc_bytes_held;
        CHECK(now - held >= 2 * 4096 && now - held <= 5 * 4096);
        held = now;
        uint64_t power = 64;
        while (power * 2 <= bytes)
            power *= 2;
        bytes += power / 8; /* the next class */
    }
    CHECK(n == 8 + 7 * 8);
    for (uint32_t i = 0; i < n; i++)
        CHECK_STATUS(ho_free(arena, ptrs[i]), HO_OK);
    CHECK_STATUS(ho_arena_trim(arena, 0, NULL), HO_OK);
    CHECK(rig_arena_stats(arena).alloc_bytes_held == 0); /* "all that is unused" */
    CHECK_STATUS(ho_arena_close(arena, 0, NULL), HO_OK);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

static const struct CMUnitTest tests[] = {
    WITH_RIG(names_of_any_length),
    WITH_RIG(a_class_takes_few_pages),
};

HO_TEST_MAIN(tests)
