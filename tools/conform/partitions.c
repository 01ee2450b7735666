/* SPDX-License-Identifier: MIT */
/* L2: the fields that a message carries; partitions, and which consumer may take from which. */
#include "conform.h"

#include <string.h>

#define PARTITIONS 4u
#define KEYS 64u
#define VALUE UINT64_C(0xfeedfacecafebeef)
#define LOW_FLAGS 0xa5a5u

static const char *const senders[] = {"ho_commit", "ho_give", "ho_forward", "ho_give_copy"};
#define SENDERS (uint32_t)(sizeof senders / sizeof *senders)

/* A service with partitions in its own world, and its ends. */
struct parted {
    struct world world;
    void *service, *producer, *consumers[PARTITIONS];
};

static void *consumer_open(const struct parted *parted, const char *status, uint32_t partition)
{
    void **consumer = room(sizeof *consumer);
    void *opts = struct_make(struct_named("ho_consumer_opts"));
    field_set(opts, "ho_consumer_opts", "partition", partition);
    (void)MUST(status, "ho_consumer_open", P(parted->service), P(opts), P(consumer));
    return *consumer;
}

static void *service_open(const struct world *world, uint32_t partitions, const char *consumers)
{
    void **service = room(sizeof *service);
    void *opts = struct_make(struct_named("ho_service_opts"));
    field_set(opts, "ho_service_opts", "partitions", partitions);
    field_set(opts, "ho_service_opts", "consumers", (uint64_t)constant(consumers));
    (void)MUST("HO_OK", "ho_service_open", P(world->domain), P(opts), P(service));
    return *service;
}

/* Bound consumers are for partition 0 and up. */
static void parted_make(struct parted *parted, const char *consumers, uint32_t count)
{
    void **producer = room(sizeof *producer);
    const bool bound = strcmp(consumers, "HO_CONSUMERS_BOUND") == 0;
    world_make(&parted->world);
    parted->service = service_open(&parted->world, PARTITIONS, consumers);
    (void)MUST("HO_OK", "ho_producer_open", P(parted->service), P(parted->world.shard),
               P(producer));
    parted->producer = *producer;
    for (uint32_t i = 0; i < count; i++) {
        parted->consumers[i] = consumer_open(parted, "HO_OK", bound ? i : 0);
    }
}

static void address_to(void *buf, uint32_t partition)
{
    field_set(buf, "ho_buf", "flags", (uint64_t)constant("HO_BUF_PARTITION"));
    field_set(buf, "ho_buf", "partition", partition);
}

static void *copyable(uint64_t key, uint64_t value)
{
    void *from = room(size_of("ho_buf"));
    field_set(from, "ho_buf", "key", key);
    field_set(from, "ho_buf", "value", value);
    return from;
}

static void send_copy(const struct parted *parted, void *from)
{
    (void)MUST("HO_OK", "ho_give_copy", P(parted->producer), P(from), 1, 0, P(NULL));
}

static void send_to(const struct parted *parted, uint32_t partition, uint64_t value)
{
    void *from = copyable(0, value);
    address_to(from, partition);
    send_copy(parted, from);
}

static uint32_t take(const struct parted *parted, uint32_t consumer, void *bufs, uint32_t max)
{
    uint32_t *taken = room(sizeof *taken);
    const int32_t status =
        MUST("HO_OK HO_EMPTY", "ho_take", P(parted->consumers[consumer]), P(bufs), max, P(taken));
    EXPECT((status == 0) == (*taken > 0), "%u were taken, and it said %s", *taken,
           status_name(status));
    return *taken;
}

/* Takes one message, which must have this partition and value, and returns it. */
static void expect_one(const struct parted *parted, uint32_t consumer, uint32_t partition,
                       uint64_t value)
{
    void *buf = room(size_of("ho_buf"));
    EXPECT(take(parted, consumer, buf, 1) == 1, "nothing is to be had of partition %u", partition);
    EXPECT(field_get(buf, "ho_buf", "partition") == partition, "it came through partition %u",
           (unsigned)field_get(buf, "ho_buf", "partition"));
    EXPECT(field_get(buf, "ho_buf", "value") == value, "the value is another");
    (void)MUST("HO_OK", "ho_return", P(parted->world.domain), P(buf), 1, P(NULL));
}

static void expect_none(const struct parted *parted, uint32_t consumer, const char *why)
{
    EXPECT(take(parted, consumer, room(size_of("ho_buf")), 1) == 0, "something was taken %s", why);
    (void)MUST("HO_TIMEOUT", "ho_wait", P(parted->consumers[consumer]), 0);
}

/* ---- what a message carries */

static void carries(uint32_t which)
{
    struct parted parted;
    const char *send = senders[which];
    parted_make(&parted, "HO_CONSUMERS_BOUND", PARTITIONS);
    for (uint32_t i = 0; i < 2; i++) { /* by its key, and to a partition */
        if (i == 1 && strcmp(send, "ho_forward") == 0) {
            (void)MUST("HO_OK", "ho_give_copy", P(parted.world.producer), P(copyable(0, 0)), 1, 0,
                       P(NULL));
        }
        void *buf = world_to_send(&parted.world, send), *got = room(size_of("ho_buf"));
        const uint64_t len = field_get(buf, "ho_buf", "len");
        uint32_t there = PARTITIONS;
        case_step("%s %s", send, i == 0 ? "by key" : "to a partition");
        if (i == 1) {
            address_to(buf, PARTITIONS - 1);
        }
        field_set(buf, "ho_buf", "flags", field_get(buf, "ho_buf", "flags") | LOW_FLAGS);
        field_set(buf, "ho_buf", "key", VALUE + 1);
        field_set(buf, "ho_buf", "value", VALUE);
        (void)MUST("HO_OK", send, P(parted.producer), P(buf), 1, 0, P(NULL));
        for (uint32_t k = 0; k < PARTITIONS; k++) {
            there = take(&parted, k, got, 1) == 1 ? k : there;
        }
        EXPECT(there < PARTITIONS, "it did not arrive");
        EXPECT(i == 0 || there == PARTITIONS - 1, "it came to partition %u", there);
        EXPECT(field_get(got, "ho_buf", "partition") == there, "ho_buf.partition is another");
        EXPECT(field_get(got, "ho_buf", "flags") == LOW_FLAGS, "ho_buf.flags are 0x%x",
               (unsigned)field_get(got, "ho_buf", "flags"));
        EXPECT(field_get(got, "ho_buf", "key") == VALUE + 1, "the key is another");
        EXPECT(field_get(got, "ho_buf", "value") == VALUE, "the value is another");
        EXPECT(field_get(got, "ho_buf", "len") == len, "the length is another");
        EXPECT(field_get(got, "ho_buf", "hops") == !strcmp(send, "ho_forward"), "ho_buf.hops");
    }
}

static void slices_carry_it_too(uint32_t which)
{
    struct parted parted;
    void *taken = room(size_of("ho_buf")), *slice = room(size_of("ho_buf"));
    (void)which;
    parted_make(&parted, "HO_CONSUMERS_BOUND", 1);
    send_to(&parted, 0, VALUE);
    EXPECT(take(&parted, 0, taken, 1) == 1, "nothing arrived");
    (void)MUST("HO_OK", "ho_slice", P(parted.world.domain), P(taken), 0, 0, P(slice));
    EXPECT(field_get(slice, "ho_buf", "value") == VALUE, "a slice has another value");
    (void)MUST("HO_OK", "ho_compact", P(parted.world.shard), P(taken));
    EXPECT(field_get(taken, "ho_buf", "value") == VALUE, "ho_compact changed the value");
}

static void no_such_partition(uint32_t which)
{
    struct parted parted;
    const char *send = senders[which];
    const uint32_t bad[] = {PARTITIONS, PARTITIONS + 1, 1024, UINT16_MAX};
    void *before = room(size_of("ho_buf"));
    uint32_t *accepted = room(sizeof *accepted);
    parted_make(&parted, "HO_CONSUMERS_BOUND", 0);
    void *buf = world_to_send(&parted.world, send);
    for (uint32_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        address_to(buf, bad[i]);
        memcpy(before, buf, size_of("ho_buf"));
        case_step("partition %u of %u", bad[i], PARTITIONS);
        (void)MUST("HO_E_ROUTE", send, P(parted.producer), P(buf), 1, 0, P(accepted));
        EXPECT(*accepted == 0, "%u were accepted", *accepted);
        EXPECT(memcmp(before, buf, size_of("ho_buf")) == 0, "the descriptor was changed");
    }
    address_to(buf, PARTITIONS - 1);
    (void)MUST("HO_OK", send, P(parted.producer), P(buf), 1, 0, P(accepted));
}

/* The caller keeps the descriptors of ho_give_copy; the lane fills up midway. */
static void copies_are_of_borrowed_descriptors(uint32_t which)
{
    struct parted parted;
    const uint32_t bytes = 3 * size_of("ho_buf");
    uint32_t *accepted = room(sizeof *accepted);
    char *from = room(bytes), *before = room(bytes);
    (void)which;
    parted_make(&parted, "HO_CONSUMERS_BOUND", 1);
    for (uint32_t i = 0; i < 3; i++) {
        field_set(from + i * size_of("ho_buf"), "ho_buf", "value", i);
        address_to(from + i * size_of("ho_buf"), i < 2 ? 0 : PARTITIONS);
    }
    memcpy(before, from, bytes);
    (void)MUST("HO_E_ROUTE", "ho_give_copy", P(parted.producer), P(from), 3, 0, P(accepted));
    EXPECT(*accepted == 2, "%u were accepted, expected 2", *accepted);
    EXPECT(memcmp(before, from, bytes) == 0, "a borrowed descriptor was changed");
    expect_one(&parted, 0, 0, 0);
    expect_one(&parted, 0, 0, 1);
    expect_none(&parted, 0, "twice");
}

/* ---- which consumer takes from which */

/* Sends every key once to find its partition. All consumers are bound. */
static void map_keys(const struct parted *parted, uint32_t *to)
{
    for (uint64_t key = 0; key < KEYS; key++) {
        void *from = copyable(key, key), *got = room(size_of("ho_buf"));
        uint32_t times = 0;
        send_copy(parted, from);
        for (uint32_t k = 0; k < PARTITIONS; k++) {
            if (parted->consumers[k] != NULL && take(parted, k, got, 1) == 1) {
                to[key] = k;
                times++;
                (void)MUST("HO_OK", "ho_return", P(parted->world.domain), P(got), 1, P(NULL));
            }
        }
        EXPECT(times == 1, "key %u was delivered %u times", (unsigned)key, times);
    }
}

static void keys_stay(uint32_t which)
{
    struct parted parted;
    uint32_t first[KEYS], again[KEYS], used = 0;
    (void)which;
    parted_make(&parted, "HO_CONSUMERS_BOUND", PARTITIONS);
    map_keys(&parted, first);
    for (uint32_t i = 0; i < KEYS; i++) {
        used |= UINT32_C(1) << first[i];
    }
    EXPECT(used == (UINT32_C(1) << PARTITIONS) - 1, "a partition gets no key of %u", KEYS);
    for (uint32_t i = 0; i < PARTITIONS; i++) { /* who is there changes nothing */
        (void)MUST("HO_OK", "ho_consumer_close", P(parted.consumers[i]));
        for (uint64_t key = 0; key < KEYS; key++) {
            if (first[key] == i) {
                send_copy(&parted, copyable(key, key));
            }
        }
        parted.consumers[i] = consumer_open(&parted, "HO_OK", i);
        for (uint64_t key = 0; key < KEYS; key++) {
            if (first[key] == i) {
                expect_one(&parted, i, i, key);
            }
        }
    }
    map_keys(&parted, again);
    EXPECT(memcmp(first, again, sizeof first) == 0, "a key went to another partition");
}

static void bound(uint32_t which)
{
    struct parted parted;
    (void)which;
    parted_make(&parted, "HO_CONSUMERS_BOUND", PARTITIONS);
    (void)consumer_open(&parted, "HO_E_BUSY", 1);
    (void)consumer_open(&parted, "HO_E_RANGE", PARTITIONS);
    (void)consumer_open(&parted, "HO_E_RANGE", UINT32_MAX);
    send_to(&parted, 2, 22);
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        (void)MUST("HO_OK", "ho_consumer_yield", P(parted.consumers[i])); /* does nothing */
        if (i != 2) {
            expect_none(&parted, i, "by whom it is not for");
        }
    }
    expect_one(&parted, 2, 2, 22);
}

static void one_partition(uint32_t which)
{
    struct parted parted = {0};
    (void)which;
    world_make(&parted.world);
    parted.service = service_open(&parted.world, 1, "HO_CONSUMERS_SHARED");
    void *consumer = consumer_open(&parted, "HO_OK", 0);
    (void)consumer_open(&parted, "HO_E_BUSY", 0);
    (void)consumer_open(&parted, "HO_E_RANGE", 1);
    (void)MUST("HO_OK", "ho_consumer_close", P(consumer));
    (void)consumer_open(&parted, "HO_OK", 0);
}

static void claim_ends(const struct parted *parted, uint32_t how)
{
    void *buf = room(size_of("ho_buf"));
    switch (how) {
    case 0: (void)MUST("HO_OK", "ho_consumer_yield", P(parted->consumers[0])); break;
    case 1: (void)MUST("HO_OK", "ho_consumer_close", P(parted->consumers[0])); break;
    default: /* its next take gets a message of another partition */
        while (take(parted, 0, buf, 1) == 1) {
            (void)MUST("HO_OK", "ho_return", P(parted->world.domain), P(buf), 1, P(NULL));
        }
    }
}

/* Messages of a partition that another consumer has claimed can't be taken until the claim ends. */
static void claims(uint32_t how)
{
    struct parted parted;
    parted_make(&parted, "HO_CONSUMERS_SHARED", 3);
    send_to(&parted, 1, 1);
    expect_one(&parted, 0, 1, 1);
    if (how == 2) { /* taken, and nothing is left: it ends with the next take */
        expect_none(&parted, 1, "that was taken");
        claim_ends(&parted, how);
        send_to(&parted, 1, 2);
        expect_one(&parted, 1, 1, 2);
        return;
    }
    send_to(&parted, 1, 2);
    send_to(&parted, 1, 3);
    expect_none(&parted, 1, "of a partition that another has claimed");
    send_to(&parted, 3, 4);
    expect_one(&parted, 1, 3, 4);
    expect_none(&parted, 2, "of a partition that another has claimed");
    claim_ends(&parted, how);
    expect_one(&parted, 2, 1, 2);
    expect_none(&parted, 1, "of a partition that another has claimed");
    expect_one(&parted, 2, 1, 3);
    expect_none(&parted, 2, "although nothing is left");
}

static void waiting_claims(uint32_t which)
{
    struct parted parted;
    (void)which;
    parted_make(&parted, "HO_CONSUMERS_SHARED", 2);
    (void)MUST("HO_TIMEOUT", "ho_wait", P(parted.consumers[0]), 0);
    send_to(&parted, 2, 7);
    (void)MUST("HO_OK", "ho_wait", P(parted.consumers[0]), 0);
    expect_none(&parted, 1, "that another waited for");
    (void)MUST("HO_OK", "ho_wait", P(parted.consumers[0]), (uint64_t)INT64_MAX);
    expect_one(&parted, 0, 2, 7);
    (void)MUST("HO_OK", "ho_consumer_yield", P(parted.consumers[0]));
    send_to(&parted, 2, 8);
    (void)MUST("HO_OK", "ho_wait", P(parted.consumers[0]), 0);
    (void)MUST("HO_OK", "ho_consumer_yield", P(parted.consumers[0]));
    expect_one(&parted, 1, 2, 8);
}

/* A batch may come from several partitions, all of them claimed. */
static void a_batch_of_several(uint32_t which)
{
    struct parted parted;
    void *bufs = room(2 * PARTITIONS * (size_t)size_of("ho_buf"));
    (void)which;
    parted_make(&parted, "HO_CONSUMERS_SHARED", 2);
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        send_to(&parted, i, i);
    }
    EXPECT(take(&parted, 0, bufs, 2 * PARTITIONS) == PARTITIONS, "not all were to be had at once");
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        send_to(&parted, i, PARTITIONS + i);
    }
    expect_none(&parted, 1, "of a partition that another has claimed");
    (void)MUST("HO_OK", "ho_consumer_yield", P(parted.consumers[0]));
    EXPECT(take(&parted, 1, bufs, 2 * PARTITIONS) == PARTITIONS, "not all were to be had again");
}

/* Messages wait for any consumer, also those of a closed producer. */
static void messages_wait(uint32_t is_bound)
{
    struct parted parted;
    parted_make(&parted, is_bound ? "HO_CONSUMERS_BOUND" : "HO_CONSUMERS_SHARED", 0);
    send_to(&parted, 0, 1);
    send_to(&parted, 0, 2);
    (void)MUST("HO_OK", "ho_producer_close", P(parted.producer));
    parted.consumers[0] = consumer_open(&parted, "HO_OK", 0);
    expect_one(&parted, 0, 0, 1);
    (void)MUST("HO_OK", "ho_consumer_close", P(parted.consumers[0]));
    parted.consumers[0] = consumer_open(&parted, "HO_OK", 0);
    expect_one(&parted, 0, 0, 2);
    (void)MUST("HO_TIMEOUT", "ho_service_close", P(parted.service), 0, P(NULL));
    (void)MUST("HO_CLOSED", "ho_take", P(parted.consumers[0]), P(room(size_of("ho_buf"))), 1,
               P(room(4)));
    (void)MUST("HO_OK", "ho_consumer_close", P(parted.consumers[0]));
    (void)MUST("HO_OK", "ho_service_close", P(parted.service), 0, P(NULL));
}

void partitions_cases(void)
{
    static const char *const ends[] = {"a yield", "a close", "the next take"};
    for (uint32_t i = 0; i < SENDERS; i++) {
        case_add("calls", carries, i, "%s: key, value and flags arrive", senders[i]);
        case_add("calls", no_such_partition, i, "%s: no such partition", senders[i]);
    }
    case_add("calls", slices_carry_it_too, 0, "slices and compacted buffers have the value");
    case_add("calls", copies_are_of_borrowed_descriptors, 0, "ho_give_copy leaves what it borrows");
    case_add("calls", keys_stay, 0, "a key keeps its partition, whoever works on it");
    case_add("calls", bound, 0, "bound consumers: one for each partition");
    case_add("calls", one_partition, 0, "a service of one partition takes one consumer");
    for (uint32_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        case_add("calls", claims, i, "shared consumers: a claim ends with %s", ends[i]);
    }
    case_add("calls", waiting_claims, 0, "shared consumers: a wait claims, too");
    case_add("calls", a_batch_of_several, 0, "shared consumers: a batch of several partitions");
    case_add("calls", messages_wait, 0, "shared consumers: messages wait for them");
    case_add("calls", messages_wait, 1, "bound consumers: messages wait for them");
}
