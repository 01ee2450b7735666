/* SPDX-License-Identifier: MIT */
/* L2: arrays of descriptors at any address, and the flags of calls and of buffers. */
#include "conform.h"

#include <string.h>

#define COUNT 5u

static void *element(void *bufs, uint32_t index)
{
    return (char *)bufs + (size_t)index * size_of("ho_buf");
}

/* Sends, takes and returns all of it, each time with the descriptors in the same array. */
static void go_round(const struct world *world, const char *send, void *bufs, uint32_t *done)
{
    case_step("%s of %u descriptors", send, COUNT);
    (void)MUST("HO_OK", send, P(world->producer), P(bufs), COUNT, 0, P(done));
    EXPECT(*done == COUNT, "%u were accepted", *done);
    memset(bufs, 0, (size_t)COUNT * size_of("ho_buf"));
    (void)MUST("HO_OK", "ho_take", P(world->consumer), P(bufs), COUNT, P(done));
    EXPECT(*done == COUNT, "%u were taken", *done);
}

static void use_array(void *bufs)
{
    struct world world;
    uint32_t *done = room(sizeof *done);
    world_make(&world);
    (void)MUST("HO_OK", "ho_return", P(world.domain), P(world_taken(&world)), 1, P(NULL));
    for (uint32_t i = 0; i < COUNT; i++) {
        (void)MUST("HO_OK", "ho_reserve", P(world.shard), 64, P(NULL), P(element(bufs, i)));
    }
    (void)MUST("HO_OK", "ho_abort", P(world.shard), P(bufs), COUNT, P(done));
    memset(bufs, 0xa5, (size_t)COUNT * size_of("ho_buf"));
    (void)MUST("HO_OK", "ho_reserve_many", P(world.shard), 64, P(NULL), P(bufs), COUNT, P(done));
    EXPECT(*done == COUNT, "%u were reserved", *done);
    go_round(&world, "ho_commit", bufs, done);
    go_round(&world, "ho_forward", bufs, done);
    (void)MUST("HO_OK", "ho_return", P(world.domain), P(bufs), COUNT, P(done));
    for (uint32_t i = 0; i < COUNT; i++) {
        memcpy(element(bufs, i), world_foreign(&world), size_of("ho_buf"));
    }
    go_round(&world, "ho_give", bufs, done);
    (void)MUST("HO_OK", "ho_return", P(world.domain), P(bufs), COUNT, P(done));
    EXPECT(*done == COUNT, "%u were returned", *done);
}

static void at_8_mod_64(uint32_t which)
{
    (void)which;
    use_array(room_at((size_t)COUNT * size_of("ho_buf"), 8));
}

static void at_the_end_of_a_page(uint32_t which)
{
    (void)which;
    use_array(page_end((size_t)COUNT * size_of("ho_buf")));
}

/* Memory of two segments, and three loans of a whole one: loans that don't fit are empty, whatever
 * was there before. */
static void many_until_full(uint32_t which)
{
    const uint64_t segment = UINT64_C(1) << 18; /* a domain's default */
    void **made = room(3 * sizeof *made);
    void *opts = struct_make(struct_named("ho_arena_opts"));
    char *loans = room(3 * (size_t)size_of("ho_buf"));
    uint32_t *done = room(sizeof *done);
    (void)which;
    domain_make(&made[0]);
    field_set(opts, "ho_arena_opts", "budget_bytes", 2 * segment);
    (void)MUST("HO_OK", "ho_arena_open", P(made[0]), P(opts), P(&made[1]));
    (void)MUST("HO_OK", "ho_shard_open", P(made[1]), P(&made[2]));
    for (uint32_t again = 0; again < 2; again++) {
        const uint32_t fits = again == 0 ? 2 : 0;
        memset(loans, 0xa5, 3 * (size_t)size_of("ho_buf"));
        *done = 99;
        (void)MUST("HO_FULL", "ho_reserve_many", P(made[2]), segment, P(NULL), P(loans), 3,
                   P(done));
        EXPECT(*done == fits, "%u were reserved, %u fit", *done, fits);
        for (size_t i = fits * (size_t)size_of("ho_buf"); i < 3 * (size_t)size_of("ho_buf"); i++) {
            EXPECT(loans[i] == 0, "it was not reserved, and its descriptor is not empty");
        }
    }
}

/* ---- flags */

static const char *const senders[] = {"ho_commit", "ho_give", "ho_forward", "ho_give_copy"};

/* Sends one message with these flags of the call and of the buffer. */
static int32_t send_with(const struct world *world, const char *send, uint32_t call_flags,
                         uint32_t buf_flags)
{
    void *buf = world_to_send(world, send);
    field_set(buf, "ho_buf", "flags", buf_flags);
    return CALL(send, P(world->producer), P(buf), 1, call_flags, P(NULL));
}

static void call_flags(uint32_t which)
{
    const char *send = senders[which];
    const uint32_t more = (uint32_t)constant("HO_MORE");
    for (uint32_t bit = 0; bit < 32; bit++) {
        struct world world;
        const uint32_t flag = UINT32_C(1) << bit;
        world_make(&world);
        case_step("flags 0x%08x", flag);
        (void)must_be(bit < 16 || flag == more || kit.newer ? "HO_OK" : "HO_E_FLAGS", send,
                      send_with(&world, send, flag, 0));
    }
}

static void buf_flags(uint32_t which)
{
    const char *send = senders[which];
    const uint32_t must = (uint32_t)constant("HO_BUF_FLAGS_MUST");
    const uint32_t partition = (uint32_t)constant("HO_BUF_PARTITION");
    for (uint32_t bit = 0; bit < 32; bit++) {
        struct world world;
        const uint32_t flag = UINT32_C(1) << bit;
        world_make(&world);
        case_step("ho_buf.flags 0x%08x", flag);
        (void)must_be((flag & must & ~partition) == 0 || kit.newer ? "HO_OK" : "HO_E_FLAGS", send,
                      send_with(&world, send, 0, flag));
    }
}

/* The fields that must be zero in a given buffer. */
static void given_fields(uint32_t which)
{
    static const char *const fields[] = {"service", "kind"};
    struct world world;
    (void)which;
    world_make(&world);
    for (uint32_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        void *buf = world_foreign(&world);
        field_set(buf, "ho_buf", fields[i], 1);
        case_step("ho_buf.%s = 1", fields[i]);
        (void)MUST("HO_E_RESERVED", "ho_give", P(world.producer), P(buf), 1, 0, P(NULL));
    }
}

void arrays_cases(void)
{
    case_add("calls", at_8_mod_64, 0, "arrays of descriptors at 8 mod 64");
    case_add("calls", at_the_end_of_a_page, 0, "arrays of descriptors that end at a page");
    case_add("calls", many_until_full, 0, "ho_reserve_many: until the budget is used up");
    for (uint32_t i = 0; i < sizeof senders / sizeof *senders; i++) {
        case_add("calls", call_flags, i, "%s: each bit of flags", senders[i]);
    }
    for (uint32_t i = 0; i < sizeof senders / sizeof *senders; i++) {
        case_add("calls", buf_flags, i, "%s: each bit of ho_buf.flags", senders[i]);
    }
    case_add("calls", given_fields, 0, "ho_give: what the caller must leave zero");
}
