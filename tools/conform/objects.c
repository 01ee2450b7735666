/* SPDX-License-Identifier: MIT */
/* L3: a pool's construct and destruct: each once per object, in the functions that are
 * described. */
#include "scene.h"

#include <string.h>

#define SOME 500u
#define SLOT 72u

static struct {
    void *domain, *arena, *shard, *pool;
    uint32_t constructed, destructed; /* calls */
} place;

/* A byte of each object says whether it is constructed; the rest belongs to its holder. */
static void on_object(const char *functions, void **args, void *user)
{
    EXPECT(*(void **)args[1] == user, "ho_object_fn got another arg");
    EXPECT(*(void **)args[0] != NULL, "ho_object_fn got no object");
    EXPECT(abi_list_has(functions, call_running()), "ho_object_fn ran in '%s'", call_running());
    callback_check_place("ho_object_fn", "-");
}

static void on_construct(ffi_cif *cif, void *result, void **args, void *user)
{
    unsigned char *object = *(unsigned char **)args[0];
    (void)cif;
    (void)result;
    on_object("ho_pool_acquire ho_pool_acquire_many ho_pool_prepare", args, user);
    EXPECT(object[SLOT - 1] == 0, "an object was constructed twice");
    object[SLOT - 1] = 1;
    place.constructed++;
}

static void on_destruct(ffi_cif *cif, void *result, void **args, void *user)
{
    unsigned char *object = *(unsigned char **)args[0];
    (void)cif;
    (void)result;
    on_object("ho_pool_release ho_pool_release_many ho_pool_trim ho_pool_close", args, user);
    EXPECT(object[SLOT - 1] == 1, "an object was destructed that was not constructed, or twice");
    object[SLOT - 1] = 0;
    place.destructed++;
}

static void place_open(void)
{
    void **made = room(4 * sizeof *made), *opts = struct_make(struct_named("ho_pool_opts"));
    domain_make(&made[0]);
    memory_make(made[0], &made[1], &made[2]);
    field_set(opts, "ho_pool_opts", "slot_bytes", SLOT);
    field_set(opts, "ho_pool_opts", "objects_max", SOME); /* so that its last page is full, too */
    field_set(opts, "ho_pool_opts", "construct",
              closure_make("ho_object_fn", on_construct, &place));
    field_set(opts, "ho_pool_opts", "destruct", closure_make("ho_object_fn", on_destruct, &place));
    field_set(opts, "ho_pool_opts", "arg", P(&place));
    (void)MUST("HO_OK", "ho_pool_open", P(made[1]), P(opts), P(&made[3]));
    place.domain = made[0];
    place.arena = made[1];
    place.shard = made[2];
    place.pool = made[3];
}

static void place_close(void)
{
    (void)MUST("HO_OK", "ho_pool_close", P(place.pool), P(NULL));
    EXPECT(place.constructed == place.destructed, "%u were constructed, %u destructed",
           place.constructed, place.destructed);
    (void)MUST("HO_OK", "ho_shard_close", P(place.shard));
    (void)MUST("HO_OK", "ho_domain_close", P(place.domain), 0, P(NULL));
    (void)MUST("HO_OK", "ho_domain_destroy", P(place.domain), P(NULL));
}

/* Acquires some, writes to them, and releases them: one by one, or all at once. */
static void use(char *objs, bool at_once)
{
    uint32_t *count = room(sizeof *count);
    for (uint32_t i = 0; i < SOME && !at_once; i++) {
        (void)MUST("HO_OK", "ho_pool_acquire", P(place.pool), P(objs + i * size_of("ho_obj")));
    }
    if (at_once) {
        (void)MUST("HO_OK", "ho_pool_acquire_many", P(place.pool), P(objs), SOME, P(count));
    }
    for (uint32_t i = 0; i < SOME; i++) {
        unsigned char *object =
            (unsigned char *)(uintptr_t)field_get(objs + i * size_of("ho_obj"), "ho_obj", "ptr");
        EXPECT(object[SLOT - 1] == 1, "an object was acquired that was not constructed");
        memset(object, 0x77, SLOT - 1);
    }
    (void)MUST("HO_OK", "ho_pool_release_many", P(place.pool), P(objs), SOME, P(count));
}

static void constructed_once(uint32_t which)
{
    char *objs = room(SOME * (size_t)size_of("ho_obj"));
    (void)which;
    place_open();
    for (uint32_t round = 0; round < 4; round++) {
        use(objs, round % 2 == 1);
    }
    EXPECT(place.constructed >= SOME && place.constructed < 2 * SOME && place.destructed == 0,
           "%u objects were constructed for %u, %u destructed, while all of their memory stayed",
           place.constructed, SOME, place.destructed);
    place_close();
}

static void destructed_before_it_goes(uint32_t which)
{
    char *objs = room(SOME * (size_t)size_of("ho_obj"));
    uint64_t *freed = room(sizeof *freed);
    (void)which;
    place_open();
    for (uint32_t round = 0; round < 3; round++) {
        (void)MUST("HO_OK", "ho_pool_prepare", P(place.pool), SOME, P(NULL));
        const uint32_t prepared = place.constructed;
        use(objs, round % 2 == 1);
        EXPECT(place.constructed == prepared, "prepared objects were not constructed");
        (void)MUST("HO_OK", "ho_pool_trim", P(place.pool), 0, P(freed));
        EXPECT(*freed > 0 && place.constructed == place.destructed,
               "%u bytes went back: %u objects were constructed, %u destructed", (unsigned)*freed,
               place.constructed, place.destructed);
    }
    place_close();
}

/* Calls that would run one of them again are refused, and so is closing. */
static void call_from_inside(ffi_cif *cif, void *result, void **args, void *user)
{
    void *obj = room(size_of("ho_obj"));
    (void)cif;
    (void)result;
    (void)args;
    (void)user;
    if (place.constructed++ == 0) {
        (void)MUST("HO_E_REENTRANT", "ho_pool_acquire", P(place.pool), P(obj));
        (void)MUST("HO_E_REENTRANT", "ho_pool_prepare", P(place.pool), 1, P(NULL));
        (void)MUST("HO_E_REENTRANT", "ho_pool_trim", P(place.pool), 0, P(NULL));
        (void)MUST("HO_E_REENTRANT", "ho_pool_close", P(place.pool), P(NULL));
        (void)MUST("HO_E_REENTRANT", "ho_domain_close", P(place.domain), 0, P(NULL));
    }
}

static void called_from_inside(uint32_t which)
{
    void **made = room(4 * sizeof *made), *opts = struct_make(struct_named("ho_pool_opts"));
    void *obj = room(size_of("ho_obj"));
    (void)which;
    domain_make(&made[0]);
    memory_make(made[0], &made[1], &made[2]);
    field_set(opts, "ho_pool_opts", "slot_bytes", SLOT);
    field_set(opts, "ho_pool_opts", "construct",
              closure_make("ho_object_fn", call_from_inside, &place));
    (void)MUST("HO_OK", "ho_pool_open", P(made[1]), P(opts), P(&made[3]));
    place.domain = made[0];
    place.pool = made[3];
    (void)MUST("HO_OK", "ho_pool_acquire", P(place.pool), P(obj));
    EXPECT(place.constructed > 0, "nothing was constructed");
    (void)MUST("HO_OK", "ho_pool_release", P(place.pool), P(obj));
    (void)MUST("HO_OK", "ho_pool_close", P(place.pool), P(NULL));
}

void objects_cases(void)
{
    case_add("callbacks", constructed_once, 0,
             "an object stays constructed while its memory stays");
    case_add("callbacks", destructed_before_it_goes, 0, "destructed before its memory goes back");
    case_add("callbacks", called_from_inside, 0, "constructing again from inside is refused");
}
