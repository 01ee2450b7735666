/* SPDX-License-Identifier: MIT */
/* Consumer: taking and waiting. Claims are in shared.c, opening and closing in consumer_open.c. */
#include "consumer_private.h"

static inline int stale(const struct hoi_consumer *c)
{
    return hoi_get(c->changed) != 0;
}

void hoi_lane_give_slots(struct hoi_lane *lane)
{
    if (hoi_likely(!lane->producer_bell)) {
        hoi_lane_free(&lane->core);
        return;
    }
    hoi_lane_free_ring(&lane->core);
    (void)hoi_bell_wake(lane->producer_bell);
}

static inline void count(struct hoi_consumer *c, uint32_t n, uint64_t bytes)
{
    hoi_bump(c->messages, n);
    hoi_bump(c->bytes, bytes);
}

/* One round over the lanes, starting where the last one stopped. */
static uint32_t take_round(struct hoi_consumer *c, ho_buf *bufs, uint32_t max)
{
    struct hoi_taking taking = {.from = c->from};
    uint32_t n = 0, turn = c->turn, lanes = c->lanes_count;
    for (uint32_t i = 0; i < lanes && n < max; i++) {
        turn = turn + 1 < lanes ? turn + 1 : 0;
        struct hoi_lane *lane = c->lanes[turn];
        uint32_t got = hoi_lane_take(&lane->core, bufs + n, max - n, &taking);
        if (!got)
            continue;
        hoi_lane_give_slots(lane);
        n += got;
    }
    c->turn = turn;
    if (n)
        count(c, n, taking.bytes);
    return n;
}

/* What ends a sleep, checked after the announcement: a message, the end of the service, or
 * changed lanes. */
static int ready(struct hoi_consumer *c)
{
    for (uint32_t i = 0; i < c->lanes_count; i++)
        if (hoi_lane_recheck(&c->lanes[i]->core))
            return 1;
    return c->closing != 0;
}

static int changed(struct hoi_consumer *c)
{
    return A_LOAD(c->changed, memory_order_seq_cst) != 0; /* edge CHANGE: acquire */
}

/* Nothing was there: arms the consumer's descriptor, if it has one, unless a message came
 * meanwhile. */
static int arm(struct hoi_consumer *c)
{
    if (!c->armable)
        return 1;
    hoi_bell_prepare_wait(&c->bell.core, HOI_BELL_ARMED);
    HO_HOOK("consumer:armed");
    if (!changed(c) && !ready(c))
        return 1;
    hoi_bell_finish_wait(&c->bell);
    return 0;
}

/* Takes from all lanes. */
static __attribute__((noinline)) int32_t take_bound(struct hoi_consumer *c, ho_buf *bufs,
                                                    uint32_t max, uint32_t *taken)
{
    for (;;) {
        int32_t status = hoi_unlikely(stale(c)) ? hoi_consumer_refresh(c) : HO_OK;
        *taken = take_round(c, bufs, max);
        if (hoi_likely(*taken))
            return HO_OK;
        if (status)
            return status;
        if (c->closing) /* what a producer still pushes will be cancelled, not delivered */
            return HO_CLOSED;
        if (arm(c))
            return HO_EMPTY;
    }
}

/* The general take: the first look found nothing, or there are several lanes. */
static __attribute__((noinline)) int32_t take_any(struct hoi_consumer *c, ho_buf *bufs,
                                                  uint32_t max, uint32_t *taken)
{
    if (hoi_unlikely(!max)) {
        *taken = 0;
        return HO_EMPTY;
    }
    if (c->armable)
        hoi_bell_finish_wait(&c->bell);
    return c->bound ? take_bound(c, bufs, max, taken) : hoi_shared_take(c, bufs, max, taken);
}

static HOI_COLD int32_t take_refused(ho_consumer *handle, uint32_t max, uint32_t *taken)
{
    if (taken)
        *taken = 0;
    if (!hoi_consumer_get(handle))
        return hoi_handle_status();
    return !taken || max ? HO_E_INVAL : HO_EMPTY;
}

/* A batch. */
static __attribute__((noinline)) int32_t take_many(struct hoi_consumer *c, struct hoi_lane *lane,
                                                   ho_buf *bufs, uint32_t max, uint32_t *taken)
{
    struct hoi_taking taking = {.from = c->from};
    uint32_t n = hoi_lane_take(&lane->core, bufs, max, &taking);
    if (hoi_unlikely(!n))
        return take_any(c, bufs, max, taken);
    hoi_lane_free(&lane->core);
    count(c, n, taking.bytes);
    *taken = n;
    return HO_OK;
}

int32_t ho_take(ho_consumer *handle, ho_buf *bufs, uint32_t max, uint32_t *taken)
{
    struct hoi_consumer *c = hoi_handle_usual(HOI_CONSUMER, handle);
    if (hoi_unlikely(!c) || hoi_unlikely(!taken) || hoi_unlikely(!bufs))
        return take_refused(handle, max, taken);
    struct hoi_lane *lane = hoi_get(c->only);
    if (hoi_unlikely(!lane))
        return take_any(c, bufs, max, taken);
    if (max != 1)
        return take_many(c, lane, bufs, max, taken);
    struct hoi_taking taking = {.from = c->from};
    if (hoi_unlikely(!hoi_lane_take_one(&lane->core, bufs, &taking)))
        return take_any(c, bufs, 1, taken);
    hoi_lane_free(&lane->core);
    count(c, 1, taking.bytes);
    *taken = 1;
    return HO_OK;
}

/* A wait timed out although a message is there. Is a wake-up on its way, or was it lost? */
static void check_late(struct hoi_consumer *c)
{
    int64_t until = hoi_os_now_ns() + HOI_LATE_GRACE_NS;
    while (hoi_get(c->bell.core.word) == HOI_BELL_SLEEPING) {
        if (hoi_os_now_ns() > until) {
            hoi_bump(c->late, 1);
            return;
        }
        hoi_os_sleep_ns(HOI_LATE_GRACE_NS / 20);
    }
}

/* Sleeps once, unless there is a message or a change. HO_TIMEOUT: the deadline has passed. */
static int32_t sleep_once(struct hoi_consumer *c, int64_t deadline_ns)
{
    int32_t status = HO_OK;
    if (hoi_get(c->service->domain->rest_ns))
        hoi_pools_rest(c->service->domain);
    HO_HOOK("consumer:before_wait");
    hoi_bell_prepare_wait(&c->bell.core, HOI_BELL_SLEEPING);
    HO_HOOK("consumer:waiting");
    if (!changed(c) && !ready(c) &&
        hoi_os_futex_wait(&c->bell.core.word, HOI_BELL_SLEEPING, deadline_ns) < 0) {
        status = HO_TIMEOUT;
        if (ready(c))
            check_late(c);
    }
    hoi_bell_finish_wait(&c->bell);
    return status;
}

int32_t ho_wait(ho_consumer *handle, int64_t timeout_ns)
{
    struct hoi_consumer *c = hoi_consumer_get(handle);
    if (!c)
        return hoi_handle_status();
    if (!c->bound)
        return hoi_shared_wait(c, timeout_ns);
    int64_t deadline_ns = timeout_ns ? hoi_os_deadline(timeout_ns) : 0;
    int32_t status = timeout_ns ? HO_OK : HO_TIMEOUT; /* 0 only polls */
    hoi_bell_finish_wait(&c->bell);
    for (;;) {
        if (stale(c)) {
            int32_t refreshed = hoi_consumer_refresh(c);
            if (refreshed < 0)
                return refreshed;
        }
        if (ready(c))
            return HO_OK;
        if (status)
            return status;
        status = sleep_once(c, deadline_ns);
    }
}

int32_t ho_consumer_yield(ho_consumer *handle)
{
    struct hoi_consumer *c = hoi_consumer_get(handle);
    if (!c)
        return hoi_handle_status();
    if (!c->bound) {
        hoi_shared_yield(c);
        hoi_help_settle(c);
    }
    return HO_OK;
}

int32_t ho_consumer_fd(ho_consumer *handle, int32_t *fd)
{
    struct hoi_consumer *c = hoi_consumer_get(handle);
    if (fd)
        *fd = -1;
    if (!c)
        return hoi_handle_status();
    if (!fd)
        return HO_E_INVAL;
    if (!hoi_get(c->bell.fd)) {
        int new_fd = hoi_os_eventfd();
        if (new_fd < 0)
            return HO_E_SYSTEM;
        hoi_set(c->bell.fd, new_fd + 1);
    }
    *fd = hoi_os_dup(hoi_get(c->bell.fd) - 1);
    if (*fd < 0)
        return HO_E_SYSTEM;
    c->armable = 1;
    hoi_set(c->only, NULL); /* each take must check the descriptor */
    return HO_OK;
}
