/* SPDX-License-Identifier: MIT */
/* Everything at once: nothing is lost, duplicated or torn. HANDOFF_SOAK_SECONDS makes it longer. */
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "rig.h"

#define LANES 2u       /* producer threads */
#define WORKERS 2u     /* consumers of the first service */
#define PARTITIONS 16u /* of the first service */
#define KEPT 256u      /* buffers that a worker keeps */
#define MOST_BYTES 1400u
#define LEAST 1000u              /* per lane and round, however little of the processor there is */
#define MOST_MESSAGES (1u << 22) /* the same */
#define ROUND_SECONDS 2

typedef struct head {
    uint32_t lane, len;
    uint64_t seq, sum;
} head;

static struct {
    ho_domain *domain;
    ho_arena *front, *back; /* of the producers, of the workers */
    ho_service *first, *second;
    uint64_t end_ns;
    uint64_t sent[LANES], given[LANES], released[LANES];
    _Atomic uint8_t *seen[LANES];
    uint32_t owner[LANES];
    _Atomic uint32_t working[PARTITIONS]; /* which worker is in it */
    uint64_t next_seq[LANES][PARTITIONS]; /* no lock: of whoever has claimed the partition */
} w;

static uint64_t checksum(const uint8_t *bytes, uint64_t len, uint64_t seed)
{
    uint64_t sum = seed * 0x9e3779b97f4a7c15u + len;
    for (uint64_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * 0x100000001b3u;
    return sum;
}

static void write_message(uint8_t *at, uint32_t lane, uint64_t seq, uint64_t len)
{
    head h = {.lane = lane, .len = (uint32_t)len, .seq = seq};
    for (uint64_t i = sizeof h; i < len; i++)
        at[i] = (uint8_t)(seq * 13 + i * 7 + lane);
    h.sum = checksum(at + sizeof h, len - sizeof h, seq ^ lane);
    memcpy(at, &h, sizeof h);
}

static head check_message(const ho_buf *buf)
{
    head h;
    CHECK(buf->len >= sizeof h);
    memcpy(&h, buf->ptr, sizeof h);
    CHECK(h.len == buf->len && h.lane < LANES && h.seq < MOST_MESSAGES);
    CHECK(h.sum == checksum(buf->ptr + sizeof h, h.len - sizeof h, h.seq ^ h.lane));
    CHECK(buf->key == h.seq && buf->value == ~h.seq);
    return h;
}

/* ---- producers */

typedef struct sender {
    ho_shard *shard;
    ho_producer *producer;
    uint32_t lane;
    uint64_t seq, seed;
} sender;

static uint64_t random_len(sender *s)
{
    uint64_t r = rig_random(&s->seed);
    return sizeof(head) + r % (r & 7 ? 100 : MOST_BYTES - sizeof(head));
}

#define RANDOM_FLAGS(s) (rig_random(&(s)->seed) % 4 ? 0 : HO_MORE)
static void prepare(sender *s, ho_buf *loan, uint64_t len)
{
    write_message(loan->ptr, s->lane, s->seq, len);
    loan->len = len;
    loan->value = ~s->seq;
    loan->key = s->seq++;
}

/* What waits to be drained holds memory, too. */
static void make_room(sender *s)
{
    if (ho_owner_drain(w.domain, w.owner[s->lane], UINT32_MAX, NULL) == HO_EMPTY)
        sched_yield();
}

static void commit_all(sender *s, ho_buf *bufs, uint32_t count, int foreign)
{
    uint32_t done = 0, accepted, flags = RANDOM_FLAGS(s);
    while (done < count) {
        int32_t status = foreign
                             ? ho_give(s->producer, bufs + done, count - done, flags, &accepted)
                             : ho_commit(s->producer, bufs + done, count - done, flags, &accepted);
        CHECK(status == HO_OK || status == HO_FULL);
        done += accepted;
        if (status == HO_FULL)
            make_room(s);
    }
}

static int reserve(sender *s, uint64_t bytes, ho_buf *loan)
{
    int32_t status = ho_reserve(s->shard, bytes, NULL, loan);
    CHECK(status == HO_OK || status == HO_FULL);
    return status == HO_OK;
}

static void send_batch(sender *s)
{
    ho_buf loans[16];
    uint32_t want = 1 + (uint32_t)rig_random(&s->seed) % 16, n = 0;
    while (n < want && reserve(s, MOST_BYTES, &loans[n])) {
        prepare(s, &loans[n], random_len(s));
        n++;
    }
    commit_all(s, loans, n, 0);
}

static void send_split(sender *s)
{
    ho_buf loan, front;
    if (!reserve(s, 10000, &loan))
        return;
    while (loan.cap > MOST_BYTES) {
        CHECK_STATUS(ho_split(s->shard, &loan, random_len(s), &front), HO_OK);
        prepare(s, &front, front.len);
        commit_all(s, &front, 1, 0);
    }
    CHECK_STATUS(ho_abort(s->shard, &loan, 1, NULL), HO_OK);
}

static void send_foreign(sender *s)
{
    ho_buf bufs[4];
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t len = random_len(s);
        uint8_t *bytes = malloc(len);
        CHECK(bytes != NULL);
        bufs[i] = rig_foreign(w.owner[s->lane], bytes, 0, (uint64_t)(uintptr_t)bytes);
        prepare(s, &bufs[i], len);
    }
    commit_all(s, bufs, 4, 1);
    w.given[s->lane] += 4;
}

static void send_copy(sender *s)
{
    uint8_t bytes[MOST_BYTES];
    uint64_t len = random_len(s);
    int32_t status;
    const ho_buf from = {.ptr = bytes, .len = len, .key = s->seq, .value = ~s->seq};
    write_message(bytes, s->lane, s->seq, len);
    while ((status = ho_give_copy(s->producer, &from, 1, RANDOM_FLAGS(s), NULL)) == HO_FULL)
        make_room(s);
    CHECK_STATUS(status, HO_OK);
    s->seq++;
}

static void give_back(void *ctx, const ho_release_rec *recs, uint32_t count)
{
    uint64_t *released = ctx;
    for (uint32_t i = 0; i < count; i++) {
        CHECK(recs[i].base == (void *)(uintptr_t)recs[i].token);
        CHECK(recs[i].reason == HO_REASON_CONSUMED);
        free(recs[i].base);
    }
    *released += count;
}

static void produce(void *arg)
{
    sender *s = arg;
    void (*const ways[])(sender *) = {send_batch, send_split, send_foreign, send_copy};
    while ((harness_now_ns() < w.end_ns || s->seq <= LEAST) && s->seq < MOST_MESSAGES - 64) {
        ways[rig_random(&s->seed) % 4](s);
        if (rig_random(&s->seed) % 8 == 0)
            make_room(s);
    }
    CHECK_STATUS(ho_producer_close(s->producer), HO_OK);
    CHECK_STATUS(ho_shard_close(s->shard), HO_OK);
    w.sent[s->lane] = s->seq;
    while (w.released[s->lane] < w.given[s->lane]) {
        if (ho_owner_drain(w.domain, w.owner[s->lane], UINT32_MAX, NULL) == HO_EMPTY)
            harness_sleep_ns(100000);
        CHECK(harness_now_ns() < w.end_ns + 5u * (uint64_t)HARNESS_NEVER_NS);
    }
}

/* ---- workers of the first service, and the end of the line */

typedef struct worker {
    ho_consumer *consumer;
    ho_shard *shard;
    ho_producer *onward; /* to the second service */
    uint64_t seed;
    uint32_t number; /* 1, 2, ... */
    uint32_t kept_count;
    ho_buf kept[KEPT];
} worker;

static void mark_seen(const ho_buf *buf)
{
    head h = check_message(buf);
    CHECK(atomic_fetch_add(&w.seen[h.lane][h.seq], 1) == 0);
}

/* One message reaches its end here, or goes on to the second service. */
static void let_go(worker *k, ho_buf *buf)
{
    (void)check_message(buf);
    if (rig_random(&k->seed) % 4 == 0 && ho_forward(k->onward, buf, 1, 0, NULL) == HO_OK)
        return;
    mark_seen(buf);
    rig_return(w.domain, buf);
}

static void work_on(worker *k, ho_buf *buf)
{
    uint64_t what = rig_random(&k->seed) % 16;
    ho_buf slice;
    (void)check_message(buf);
    if (what == 0) {
        CHECK_STATUS(ho_slice(w.domain, buf, 0, buf->len, &slice), HO_OK);
        rig_return(w.domain, buf);
        *buf = slice;
    } else if (what == 1) {
        int32_t status = ho_compact(k->shard, buf);
        CHECK(status == HO_OK || status == HO_FULL);
    }
    if (k->kept_count < KEPT) {
        k->kept[k->kept_count++] = *buf;
        return;
    }
    ho_buf *kept = &k->kept[rig_random(&k->seed) % KEPT]; /* a random earlier one goes */
    let_go(k, kept);
    *kept = *buf;
}

static void let_all_go(worker *k)
{
    while (k->kept_count > 0)
        let_go(k, &k->kept[--k->kept_count]);
}

/* Nobody else is in these partitions, and what one producer sent there comes in order. */
static void enter(const worker *k, const ho_buf *bufs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        head h = check_message(&bufs[i]);
        uint32_t before = atomic_exchange(&w.working[bufs[i].partition], k->number);
        CHECK(before == 0 || before == k->number);
        CHECK(h.seq >= w.next_seq[h.lane][bufs[i].partition]);
        w.next_seq[h.lane][bufs[i].partition] = h.seq + 1;
    }
}

static void leave(const worker *k)
{
    for (uint32_t i = 0; i < PARTITIONS; i++)
        if (atomic_load(&w.working[i]) == k->number)
            atomic_store(&w.working[i], 0);
}

static void work(void *arg)
{
    worker *k = arg;
    ho_buf bufs[32];
    uint32_t taken;
    int32_t status;
    while ((status = ho_take(k->consumer, bufs, 32, &taken)) != HO_CLOSED) {
        enter(k, bufs, taken);
        for (uint32_t i = 0; i < taken; i++)
            work_on(k, &bufs[i]);
        leave(k);
        if (rig_random(&k->seed) % 16 == 0)
            CHECK_STATUS(ho_consumer_yield(k->consumer), HO_OK);
        if (status == HO_EMPTY) {
            let_all_go(k); /* what is kept must not stop the producers for ever */
            (void)ho_wait(k->consumer, -1);
        }
    }
    let_all_go(k);
    CHECK_STATUS(ho_consumer_close(k->consumer), HO_OK);
    CHECK_STATUS(ho_producer_close(k->onward), HO_OK);
    CHECK_STATUS(ho_shard_close(k->shard), HO_OK);
}

static void finish(void *arg)
{
    ho_consumer *consumer = arg;
    ho_buf bufs[32];
    uint32_t taken;
    int32_t status;
    while ((status = ho_take(consumer, bufs, 32, &taken)) != HO_CLOSED) {
        for (uint32_t i = 0; i < taken; i++)
            mark_seen(&bufs[i]);
        CHECK_STATUS(ho_return(w.domain, bufs, taken, NULL), HO_OK);
        if (status == HO_EMPTY)
            (void)ho_wait(consumer, -1);
    }
    CHECK_STATUS(ho_consumer_close(consumer), HO_OK);
}

/* ---- the whole */

static void open_all(sender *senders, worker *workers)
{
    w.domain = rig_domain();
    w.front = rig_arena(w.domain, ARENA_OPTS(.budget_bytes = 4 * RIG_BUDGET, .wait_ns = 1000000));
    w.back = rig_arena(w.domain, NULL);
    w.first = rig_service(w.domain, SERVICE_OPTS(.lane_slots = 64, .policy = HO_POLICY_WAIT,
                                                 .partitions = PARTITIONS));
    w.second = rig_service(w.domain, SERVICE_OPTS(.lane_slots = 64));
    for (uint32_t i = 0; i < LANES; i++) {
        w.seen[i] = calloc(MOST_MESSAGES, 1);
        CHECK(w.seen[i] != NULL);
        senders[i] = (sender){.shard = rig_shard(w.front), .lane = i, .seed = i};
        senders[i].producer = rig_producer(w.first, senders[i].shard);
        CHECK_STATUS(ho_owner_register(w.domain,
                                       OWNER_OPTS(.mode = HO_RELEASE_DRAIN, .release = give_back,
                                                  .ctx = &w.released[i]),
                                       &w.owner[i]),
                     HO_OK);
    }
    for (uint32_t i = 0; i < WORKERS; i++) {
        workers[i] = (worker){.consumer = rig_consumer(w.first), .number = i + 1, .seed = 77 + i};
        workers[i].shard = rig_shard(w.back);
        workers[i].onward = rig_producer(w.second, workers[i].shard);
    }
}

static void check_all_seen(void)
{
    uint64_t sent = 0, given = 0;
    for (uint32_t lane = 0; lane < LANES; lane++) {
        CHECK(w.sent[lane] > LEAST);
        for (uint64_t seq = 0; seq < MOST_MESSAGES; seq++)
            CHECK(w.seen[lane][seq] == (seq < w.sent[lane]));
        sent += w.sent[lane];
        given += w.given[lane];
        free((void *)(uintptr_t)w.seen[lane]);
    }
    ho_service_stats first = rig_stats(w.first), second = rig_stats(w.second);
    CHECK(first.messages_in == sent && first.messages_out == sent);
    CHECK(first.bytes_in == first.bytes_out && second.bytes_in == second.bytes_out);
    CHECK(second.messages_in == second.messages_out && second.messages_in > 0);
    CHECK(first.messages_dropped == 0 && second.messages_dropped == 0);
    CHECK(rig_arena_stats(w.front).segments_held <= 4 * RIG_BUDGET / RIG_SEGMENT);
    CHECK(rig_arena_stats(w.back).segments_held <= RIG_BUDGET / RIG_SEGMENT);
    rig_check_quiet(&(rig){.service = w.first, .arena = w.front});
    rig_check_quiet(&(rig){.service = w.second, .arena = w.back});
    print_message("%llu messages, %llu of them foreign, %llu forwarded\n", (unsigned long long)sent,
                  (unsigned long long)given, (unsigned long long)second.messages_in);
}

static void run_round(void)
{
    memset(&w, 0, sizeof w);
    static sender senders[LANES];
    static worker workers[WORKERS];
    harness_thread producing[LANES], working[WORKERS], finishing;
    open_all(senders, workers);
    w.end_ns = harness_now_ns() + ROUND_SECONDS * 1000000000ull;
    harness_start(&finishing, finish, rig_consumer(w.second));
    for (uint32_t i = 0; i < WORKERS; i++)
        harness_start(&working[i], work, &workers[i]);
    for (uint32_t i = 0; i < LANES; i++)
        harness_start(&producing[i], produce, &senders[i]);
    for (uint32_t i = 0; i < LANES; i++)
        harness_join(&producing[i]);
    CHECK_STATUS(ho_service_close(w.first, 0, NULL), HO_TIMEOUT);
    for (uint32_t i = 0; i < WORKERS; i++)
        harness_join(&working[i]);
    CHECK_STATUS(ho_service_close(w.second, 0, NULL), HO_TIMEOUT);
    harness_join(&finishing);
    check_all_seen();
    rig_destroy(w.domain);
}

static void nothing_is_lost_doubled_or_torn(void **state)
{
    (void)state;
    double end = rig_soak_seconds(ROUND_SECONDS) * 1e9 + (double)harness_now_ns();
    do
        run_round();
    while ((double)harness_now_ns() < end);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(nothing_is_lost_doubled_or_torn),
};

HO_TEST_MAIN(tests)
