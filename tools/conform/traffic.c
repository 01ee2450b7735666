/* SPDX-License-Identifier: MIT */
/* L4: taking, while ends come and go: which consumer may take what, in which order, and that
 * nothing is lost. */
#include "ledger.h"

#define SHARED_SERVICE 2u

static bool is_same(const void *sent_buf, const void *taken, const char *field)
{
    return field_get(sent_buf, "ho_buf", field) == field_get(taken, "ho_buf", field);
}

/* Which of the items on their way to this service it is. */
static uint32_t recognise(uint32_t service, const void *taken)
{
    for (uint32_t i = 0; i < ITEMS; i++) {
        const void *buf = item_buf(i);
        if (ledger.items[i].place == SENT && ledger.items[i].to == service &&
            field_get(taken, "ho_buf", "kind") == (uint64_t)constant(ledger.items[i].kind) &&
            is_same(buf, taken, "len") && is_same(buf, taken, "key") &&
            is_same(buf, taken, "value") &&
            (is_same(buf, taken, "ptr") || field_get(buf, "ho_buf", "ptr") == 0)) {
            return i;
        }
    }
    case_fail("ho_take gave a buffer that was not sent here");
}

/* ---- claims */

static bool is_shared(uint32_t consumer)
{
    return consumer_service(consumer) == SHARED_SERVICE;
}

static void claims_drop(uint32_t consumer)
{
    for (uint32_t i = 0; i < SEVERAL; i++) {
        ledger.claims[i] = ledger.claims[i] == consumer ? NOBODY : ledger.claims[i];
    }
    ledger.waited[consumer] = false;
}

static void claim(uint32_t consumer, uint32_t partition)
{
    const uint32_t holder = ledger.claims[partition];
    EXPECT(holder == NOBODY || holder == consumer,
           "consumer %u was given what is in partition %u, which consumer %u has claimed", consumer,
           partition, holder);
    ledger.claims[partition] = consumer;
}

static bool somebody_waited(void)
{
    for (uint32_t i = 0; i < CONSUMERS; i++) {
        if (ledger.waited[i]) {
            return true;
        }
    }
    return false;
}

/* Is there a message that this consumer must get? */
static void expect_nothing_for(uint32_t consumer)
{
    for (uint32_t i = 0; i < ITEMS; i++) {
        const struct item *item = &ledger.items[i];
        if (item->place != SENT || item->to != consumer_service(consumer) || !item->published ||
            item->partition == NO_PARTITION) {
            continue;
        }
        if (is_shared(consumer) ? !somebody_waited() && ledger.claims[item->partition] == NOBODY
            : item->to == SERVICES - 1 ? item->partition == consumer - (CONSUMERS - 2)
                                       : true) {
            case_fail("nothing is to be had, and a message waits in partition %u", item->partition);
        }
    }
}

/* ---- messages */

static void check_partition(uint32_t consumer, uint32_t index, const void *taken)
{
    struct item *item = &ledger.items[index];
    const uint32_t partition = (uint32_t)field_get(taken, "ho_buf", "partition");
    uint32_t *known = &ledger.keys[item->to][field_get(taken, "ho_buf", "key") % KEYS];
    EXPECT(partition < service_partitions(item->to), "there is no partition %u", partition);
    const bool named = (field_get(item_buf(index), "ho_buf", "flags") &
                        (uint64_t)constant("HO_BUF_PARTITION")) != 0;
    if (!named) {
        EXPECT(*known == NO_PARTITION || *known == partition,
               "a key went to partition %u, and to %u before", partition, *known);
        *known = partition;
    }
    EXPECT(item->partition == NO_PARTITION || item->partition == partition,
           "a message came through partition %u, it was sent to %u", partition, item->partition);
    item->partition = partition;
    if (is_shared(consumer)) {
        claim(consumer, partition);
    }
    EXPECT(consumer_service(consumer) != SERVICES - 1 || partition == consumer - (CONSUMERS - 2),
           "a bound consumer was given what is in partition %u", partition);
}

/* A producer's messages of one partition arrive in order. */
static void check_order(uint32_t index)
{
    const struct item *taken = &ledger.items[index];
    for (uint32_t i = 0; i < ITEMS; i++) {
        const struct item *item = &ledger.items[i];
        EXPECT(item->place != SENT || item->lane != taken->lane ||
                   item->partition != taken->partition || item->sequence >= taken->sequence,
               "a message has overtaken another of its producer and partition");
    }
}

static void check_taken(uint32_t consumer, const void *taken)
{
    const uint32_t index = recognise(consumer_service(consumer), taken);
    const uint64_t low = ~(uint64_t)constant("HO_BUF_PARTITION");
    EXPECT(field_get(taken, "ho_buf", "service") == ledger.numbers[consumer_service(consumer)],
           "ho_buf.service is not that of the service it was taken from");
    EXPECT(field_get(taken, "ho_buf", "flags") ==
               (field_get(item_buf(index), "ho_buf", "flags") & low),
           "ho_buf.flags are not as they were sent");
    check_partition(consumer, index, taken);
    check_order(index);
    for (uint32_t i = 0; i < size_of("ho_buf"); i++) {
        ((char *)item_buf(index))[i] = ((const char *)taken)[i];
    }
    ledger.items[index].place = HELD;
    item_check(index);
}

static uint32_t any_consumer(void)
{
    return ledger_random(CONSUMERS);
}

bool do_take(void)
{
    struct batch *batch = batch_of(NOWHERE);
    const uint32_t consumer = any_consumer();
    const int32_t status = MUST("HO_OK HO_EMPTY", "ho_take", P(ledger.consumers[consumer]),
                                P(batch->bufs), BATCH_MAX, P(batch->done));
    EXPECT((status == 0) == (*batch->done > 0) && *batch->done <= BATCH_MAX,
           "%u were taken, and it said %s", *batch->done, status_name(status));
    claims_drop(consumer);
    for (uint32_t i = 0; i < *batch->done; i++) {
        check_taken(consumer, batch->bufs + (size_t)i * size_of("ho_buf"));
    }
    if (status != 0 && ledger.helps[consumer] == NOBODY) { /* else it takes only its producer's */
        expect_nothing_for(consumer);
    }
    return status == 0;
}

bool do_wait(void)
{
    const uint32_t consumer = any_consumer();
    const int32_t status = MUST("HO_OK HO_TIMEOUT", "ho_wait", P(ledger.consumers[consumer]), 0);
    claims_drop(consumer);
    if (status != 0) {
        expect_nothing_for(consumer);
    } else if (is_shared(consumer)) {
        ledger.waited[consumer] = true;
    }
    return status == 0;
}

bool do_yield(void)
{
    const uint32_t consumer = any_consumer();
    (void)MUST("HO_OK", "ho_consumer_yield", P(ledger.consumers[consumer]));
    claims_drop(consumer);
    return is_shared(consumer);
}

/* Any two: those that fit are paired, and help for a while. */
bool do_help(void)
{
    const uint32_t consumer = any_consumer(), producer = ledger_random(PRODUCERS + 1);
    void *with = producer == PRODUCERS ? NULL : ledger.producers[producer];
    const char *expected = "HO_OK";
    if (with != NULL) {
        for (uint32_t i = 0; i < CONSUMERS; i++) {
            if (i != consumer && ledger.helps[i] == producer) {
                expected = "HO_E_BUSY";
            }
        }
        if (!is_shared(consumer) || producer_service(producer) != SHARED_SERVICE) {
            expected = "HO_E_INVAL";
        }
    }
    const int32_t status = MUST(expected, "ho_consumer_help", P(ledger.consumers[consumer]),
                                P(with), ledger_random(8));
    if (status == 0) {
        if (ledger.helps[consumer] != NOBODY) {
            published(ledger.helps[consumer]);
        }
        if (with != NULL) {
            published(producer);
        }
        ledger.helps[consumer] = with != NULL ? producer : NOBODY;
    }
    return status == 0 && with != NULL;
}

/* Nothing moves and nothing is cancelled when one end closes and another opens. */
bool do_replace_consumer(void)
{
    const uint32_t consumer = any_consumer();
    (void)MUST("HO_OK", "ho_consumer_close", P(ledger.consumers[consumer]));
    claims_drop(consumer);
    consumer_make(consumer);
    return true;
}

bool do_replace_producer(void)
{
    const uint32_t producer = ledger_random(PRODUCERS);
    (void)MUST("HO_OK", "ho_producer_close", P(ledger.producers[producer]));
    published(producer);
    for (uint32_t i = 0; i < CONSUMERS; i++) {
        ledger.helps[i] = ledger.helps[i] == producer ? NOBODY : ledger.helps[i];
    }
    producer_make(producer);
    return true;
}
