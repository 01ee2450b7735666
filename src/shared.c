/* SPDX-License-Identifier: MIT */
/* Shared consumers: taking from claimed partitions. The protocol is in claim.inl; the lanes are
 * here. */
#include "consumer_private.h"

static struct hoi_claim_group *group(const struct hoi_consumer *c)
{
    return &c->service->claims;
}

/* Takes from the lanes of one hint, starting at a chunk. *chunk: where the next take continues;
 * NULL: that was all. */
static uint32_t take_hint(struct hoi_lane_chunk **chunk, uint32_t index, ho_buf *bufs, uint32_t max,
                          struct hoi_taking *taking)
{
    struct hoi_lane *lane;
    uint32_t n = 0;
    while (n < max && (lane = hoi_partition_next(chunk, index))) {
        uint32_t got = hoi_lane_take(&lane->core, bufs + n, max - n, taking);
        if (got)
            hoi_lane_give_slots(lane);
        n += got;
    }
    return n;
}

static void turn_next(struct hoi_partition *part)
{
    part->turn = (part->turn + 1) % HOI_PART_HINT_COUNT;
}

/* Starts with the lane where the last take stopped, for fairness. */
uint32_t hoi_shared_take_from(struct hoi_consumer *c, uint32_t number, ho_buf *bufs, uint32_t max)
{
    struct hoi_service *s = c->service;
    struct hoi_partition *part = &s->parts[number];
    struct hoi_taking taking = {.from = HOI_FROM(s->number, number)};
    struct hoi_lane_chunk *chunk = part->turn_chunk;
    uint32_t n = 0;
    if (hoi_unlikely(chunk != NULL)) { /* the rest of the hint's lanes */
        n = take_hint(&chunk, part->turn, bufs, max, &taking);
        if (n < max)
            turn_next(part);
    }
    uint64_t hints = hoi_claim_hints(&s->claims, number);
    uint64_t later = hints & (hoi_part_hint(part->turn) - 1), now = hints & ~later;
    while (n < max && (now | later)) {
        if (!now) {
            now = later;
            later = 0;
        }
        part->turn = hoi_claim_lowest(now);
        now &= now - 1;
        chunk = &part->first;
        n += take_hint(&chunk, part->turn, bufs + n, max - n, &taking);
    }
    part->turn_chunk = chunk;
    if (n == max && !chunk) /* the next hint comes first in the next take */
        turn_next(part);
    hoi_bump(c->messages, n);
    hoi_bump(c->bytes, taking.bytes);
    return n;
}

/* Is there anything in a lane of this hint? Removes lanes that were left on the way. */
static int hint_ready(struct hoi_service *s, uint32_t number, uint32_t index)
{
    struct hoi_lane_chunk *chunk = &s->parts[number].first;
    struct hoi_lane *lane;
    while ((lane = hoi_partition_next(&chunk, index)))
        if (hoi_lane_ready(&lane->core))
            return 1;
        else
            (void)hoi_partition_retire(lane);
    return 0;
}

static int hint_recheck(struct hoi_service *s, uint32_t number, uint32_t index)
{
    struct hoi_lane_chunk *chunk = &s->parts[number].first;
    struct hoi_lane *lane;
    while ((lane = hoi_partition_next(&chunk, index)))
        if (hoi_lane_recheck(&lane->core) ||
            A_LOAD(lane->closed, memory_order_acquire)) /* edge CLOSED: acquire */
            return 1;
    return 0;
}

int hoi_shared_any(struct hoi_consumer *c, uint32_t number)
{
    struct hoi_service *s = c->service;
    for (uint64_t hints = hoi_claim_hints(&s->claims, number); hints; hints &= hints - 1)
        if (hint_ready(s, number, hoi_claim_lowest(hints)))
            return 1;
    return 0;
}

/* All lanes looked empty: clears the hints, and checks the lanes of cleared hints again. Returns
 * whether a message has come or a producer has closed. */
static int hints_clear(struct hoi_service *s, uint32_t number)
{
    uint64_t hints = hoi_claim_hints(&s->claims, number), missed = 0;
    HO_HOOK("shared:before_clear");
    hoi_claim_hints_clear(&s->claims, number, hints);
    for (uint64_t rest = hints; rest; rest &= rest - 1)
        if (hint_recheck(s, number, hoi_claim_lowest(rest)))
            missed |= rest & -rest;
    if (missed)
        hoi_claim_hints_set(&s->claims, number, missed);
    return missed != 0;
}

/* Gives a claim up; if messages are left, others can claim it. */
static void release(struct hoi_consumer *c, uint32_t number)
{
    struct hoi_claim_group *g = group(c);
    HO_HOOK("shared:before_release");
    if (hoi_shared_any(c, number) || hints_clear(c->service, number) || !hoi_claim_idle(g, number))
        (void)hoi_service_ring(c->service, hoi_claim_give_back(g, number));
}

void hoi_shared_yield(struct hoi_consumer *c)
{
    while (c->claimed) {
        uint32_t number = c->claims[--c->claimed];
        release(c, number);
        if (hoi_unlikely(c->helped != NULL)) /* in case no consumer comes for what is left */
            hoi_help_owe(c, number);
    }
    c->fresh = 0;
}

/* Ends the wait that the descriptor announced. Returns what it was chosen for. */
static uint32_t disarm(struct hoi_consumer *c)
{
    if (!c->armed)
        return HOI_CHOSEN_NOT;
    c->armed = 0;
    return hoi_claim_finish_wait(group(c), c->number, HOI_WAIT_ARMED);
}

void hoi_shared_leave(struct hoi_consumer *c)
{
    (void)hoi_service_ring(c->service, hoi_claim_pass_on(group(c), disarm(c)));
}

/* Claims one more partition. HOI_CLAIM_NONE: none is ready. */
static uint32_t claim(struct hoi_consumer *c, uint32_t chosen)
{
    uint32_t ring, number = hoi_claim_next(group(c), chosen, &ring);
    (void)hoi_service_ring(c->service, ring);
    return number;
}

/* Is the only claim worth keeping? Only while no other partition is due and it has more
 * messages. */
static int keep(struct hoi_consumer *c)
{
    return c->claimed == 1 &&
           (c->fresh || ((c->run < HOI_CLAIM_MOST || !hoi_claim_ready(group(c))) &&
                         hoi_shared_any(c, c->claims[0])));
}

/* Fills a batch, partition by partition. */
static uint32_t take_round(struct hoi_consumer *c, ho_buf *bufs, uint32_t max, uint32_t chosen)
{
    uint32_t n = 0;
    if (keep(c)) {
        n = hoi_shared_take_from(c, c->claims[0], bufs, max);
        c->run += n;
        c->fresh = 0;
    } else {
        hoi_shared_yield(c);
        c->run = 0;
    }
    while (n < max && c->claimed < HOI_PARTITIONS_MAX) {
        uint32_t number = claim(c, chosen);
        chosen = HOI_CHOSEN_NOT;
        if (number == HOI_CLAIM_NONE)
            break;
        uint32_t got = hoi_shared_take_from(c, number, bufs + n, max - n);
        if (got)
            c->claims[c->claimed++] = (uint16_t)number;
        else
            release(c, number);
        n += got;
        c->run += got;
    }
    if (chosen != HOI_CHOSEN_NOT) /* no room for another claim: another consumer must take it */
        (void)hoi_service_ring(c->service, hoi_claim_pass_on(group(c), chosen));
    return n;
}

/* Announces that it waits by its descriptor. Returns whether there was still nothing. */
static int arm(struct hoi_consumer *c)
{
    hoi_bell_prepare_wait(&c->bell.core, HOI_BELL_ARMED);
    HO_HOOK("consumer:armed");
    c->armed = 1;
    return hoi_claim_prepare_wait(group(c), c->number, HOI_WAIT_ARMED);
}

void hoi_shared_arm(struct hoi_consumer *c)
{
    struct hoi_claim_group *g = group(c);
    if (arm(c))
        return;
    if (hoi_claim_ended(g))
        (void)hoi_bell_wake(&c->bell);
    else if (hoi_claim_more(g)) /* announced before this one waited, when perhaps nobody else did */
        (void)hoi_service_ring(c->service, hoi_claim_wake(g));
}

/* A helper takes only its own messages, unless it was woken, its wait has claimed, or the
 * service closes. */
static int helps(struct hoi_consumer *c, uint32_t chosen)
{
    if (chosen == HOI_CHOSEN_NOT && !c->fresh)
        return !hoi_claim_ended(group(c));
    c->help_taken = 0; /* what comes now is not measured */
    return 0;
}

int32_t hoi_shared_take(struct hoi_consumer *c, ho_buf *bufs, uint32_t max, uint32_t *taken)
{
    uint32_t chosen = disarm(c);
    if (hoi_unlikely(c->helped != NULL) && helps(c, chosen))
        return hoi_help_take(c, bufs, max, taken);
    for (;;) {
        int ended = hoi_claim_ended(group(c));
        *taken = take_round(c, bufs, max, chosen);
        if (*taken)
            return HO_OK;
        hoi_shared_yield(c);
        if (ended)
            return HO_CLOSED;
        if (!c->armable || arm(c))
            return HO_EMPTY;
        hoi_bell_finish_wait(&c->bell);
        chosen = disarm(c);
    }
}

/* A wait timed out although a partition was announced. Is a consumer on its way, or was a
 * wake-up lost? */
static void check_late(struct hoi_consumer *c)
{
    struct hoi_claim_group *g = group(c);
    int64_t until = hoi_os_now_ns() + HOI_LATE_GRACE_NS;
    while (hoi_get(c->bell.core.word) == HOI_BELL_SLEEPING && !hoi_get(g->searching) &&
           hoi_claim_more(g)) {
        if (hoi_os_now_ns() > until) {
            hoi_bump(c->late, 1);
            return;
        }
        hoi_os_sleep_ns(HOI_LATE_GRACE_NS / 20);
    }
}

/* Sleeps once, unless something is ready. *chosen: why it was woken. */
static int32_t sleep_once(struct hoi_consumer *c, int64_t deadline_ns, uint32_t *chosen)
{
    struct hoi_claim_group *g = group(c);
    int32_t status = HO_OK;
    if (hoi_get(c->service->domain->rest_ns))
        hoi_pools_rest(c->service->domain);
    HO_HOOK("consumer:before_wait");
    hoi_bell_prepare_wait(&c->bell.core, HOI_BELL_SLEEPING);
    HO_HOOK("consumer:waiting");
    if (hoi_claim_prepare_wait(g, c->number, HOI_WAIT_SLEEPING) &&
        hoi_os_futex_wait(&c->bell.core.word, HOI_BELL_SLEEPING, deadline_ns) < 0) {
        status = HO_TIMEOUT;
        check_late(c);
    }
    hoi_bell_finish_wait(&c->bell);
    *chosen = hoi_claim_finish_wait(g, c->number, HOI_WAIT_SLEEPING);
    return status;
}

/* Claims a partition that has messages. */
static int claim_for_wait(struct hoi_consumer *c, uint32_t chosen)
{
    uint32_t number;
    while ((number = claim(c, chosen)) != HOI_CLAIM_NONE) {
        chosen = HOI_CHOSEN_NOT;
        if (hoi_shared_any(c, number)) {
            c->claims[0] = (uint16_t)number;
            c->claimed = 1;
            c->fresh = 1;
            c->run = 0;
            return 1;
        }
        release(c, number);
    }
    return 0;
}

int32_t hoi_shared_wait(struct hoi_consumer *c, int64_t timeout_ns)
{
    int64_t deadline_ns = timeout_ns ? hoi_os_deadline(timeout_ns) : 0;
    int32_t status = timeout_ns ? HO_OK : HO_TIMEOUT; /* 0 only polls */
    hoi_bell_finish_wait(&c->bell);
    uint32_t chosen = disarm(c);
    if (c->fresh)
        return HO_OK; /* a second wait in a row */
    hoi_shared_yield(c);
    hoi_help_settle(c);
    for (;;) {
        int ended = hoi_claim_ended(group(c));
        if (claim_for_wait(c, chosen) || ended)
            return HO_OK;
        if (status)
            return status;
        status = sleep_once(c, deadline_ns, &chosen);
    }
}
