/* SPDX-License-Identifier: MIT */
/*
 * Helping: a sending thread works on its own messages, through a shared consumer that is paired
 * with its producer. The producer publishes silently (claim.inl) and notes the partition. The
 * consumer takes from the noted partitions one at a time, within a budget. What is left then is
 * announced, and a sleeping consumer is woken for it. So a light message costs no wake-up and no
 * second thread, and a burst spreads over the workers.
 */
#include "consumer_private.h"
#include "producer_private.h"

#define BUDGET_DEFAULT 64u
/* A wake-up costs about this much in both threads together: a worker is better for messages that
 * cost more. With half as much, a message a few milliseconds after the last one, with cold
 * caches, was over the limit: at 100 a second p50 240 us instead of 213 (none handed over: 176),
 * at 500 a second 121 instead of 103 (AMD EPYC). */
#define SLOW_NS 10000
/* After a slow message it waits this long, or this many times what the message took, before it
 * tries one message again. So a slow service takes at most 1.5 % of the thread's time. */
#define PROBE_NS 100000000
#define PROBE_TIMES 64

void hoi_help_owe(struct hoi_consumer *c, uint32_t part)
{
    c->help_owed[part / 64] |= hoi_claim_bit(part);
}

/* Every consumer of the service helps: there is nobody to leave messages to. Relaxed: a guess, one turn late at most. */
static int alone(const struct hoi_consumer *c)
{
    return hoi_get(c->service->consumers_open) ==
           A_LOAD(c->service->consumers_helping, memory_order_relaxed);
}

/* Removes the next owed partition. */
static uint32_t pop(struct hoi_consumer *c)
{
    for (uint32_t w = 0; w < c->service->claims.part_words; w++)
        if (c->help_owed[w]) {
            uint32_t bit = hoi_claim_lowest(c->help_owed[w]);
            c->help_owed[w] &= c->help_owed[w] - 1;
            return w * 64 + bit;
        }
    return HOI_CLAIM_NONE;
}

int hoi_help_published(struct hoi_lane *lane)
{
    struct hoi_consumer *c = lane->helper;
    struct hoi_claim_group *g = &lane->service->claims;
    uint32_t ring;
    if (hoi_claim_known(g, lane->partition, lane->hint))
        return 0;
    if (!c->help_left && !alone(c)) {
        ring = hoi_claim_announce(g, lane->partition, lane->hint);
        if (ring == HOI_CLAIM_NONE) /* nobody waits: the next turn looks there, too */
            hoi_help_owe(c, lane->partition);
        return hoi_service_ring(lane->service, ring);
    }
    if (hoi_claim_published_silent(g, lane->partition, lane->hint, &ring))
        hoi_help_owe(c, lane->partition);
    return hoi_service_ring(lane->service, ring);
}

/* Announces everything owed. Returns whether a consumer comes for some of it. */
static int announce(struct hoi_consumer *c)
{
    struct hoi_claim_group *g = &c->service->claims;
    int comes = 0;
    for (uint32_t w = 0; w < g->part_words; w++)
        for (uint64_t bits = c->help_owed[w]; bits; bits &= bits - 1) {
            uint32_t ring = hoi_claim_settle(g, w * 64 + hoi_claim_lowest(bits));
            comes |= ring != HOI_CLAIM_NONE;
            (void)hoi_service_ring(c->service, ring);
        }
    return comes || A_LOAD(g->searching, memory_order_relaxed); /* a guess: at worst both look */
}

static void owe_nothing(struct hoi_consumer *c)
{
    for (uint32_t w = 0; w < HOI_CLAIM_WORDS; w++)
        c->help_owed[w] = 0;
}

/* If no consumer comes, the next turn tries again. */
void hoi_help_settle(struct hoi_consumer *c)
{
    if (c->helped && announce(c))
        owe_nothing(c);
}

/* The average cost of a message: the time from take to take. After a slow message it takes one
 * at a time until one is light, so a service that hangs blocks the thread with one message only.
 * A slow one after light ones may have been preempted, so it counts as at most four times the
 * limit. */
static void measure(struct hoi_consumer *c)
{
    int64_t now = hoi_os_now_ns();
    if (c->help_taken) {
        int64_t cost = (now - c->help_at_ns) / c->help_taken;
        int64_t counts = c->help_trial || cost < 4 * SLOW_NS ? cost : 4 * SLOW_NS;
        c->help_cost_ns += (counts - c->help_cost_ns) / 8;
        c->help_trial = cost > SLOW_NS;
        if (c->help_cost_ns > SLOW_NS && c->help_left && !alone(c)) {
            c->help_probe_ns =
                now + (cost < PROBE_NS / PROBE_TIMES ? PROBE_NS : cost * PROBE_TIMES);
            c->help_left = 0;
        }
    }
    c->help_taken = 0;
    c->help_at_ns = now;
}

/* The next turn's budget. */
static uint32_t budget(struct hoi_consumer *c)
{
    if (c->help_cost_ns <= SLOW_NS || alone(c))
        return c->help_budget;
    if (c->help_at_ns < c->help_probe_ns)
        return 0;
    c->help_cost_ns = SLOW_NS; /* after one light message it helps again */
    return c->help_budget;
}

/* The turn is over: other consumers get what it leaves. If there are none, its descriptor calls
 * it back. */
static int32_t turn_over(struct hoi_consumer *c)
{
    hoi_shared_yield(c);
    hoi_help_settle(c);
    c->help_left = budget(c);
    if (c->armable)
        hoi_shared_arm(c);
    return HO_EMPTY;
}

/* Takes from a partition that it claimed. */
static uint32_t take(struct hoi_consumer *c, uint32_t part, ho_buf *bufs, uint32_t max)
{
    uint32_t most = c->help_trial && !alone(c) ? 1 : c->help_left;
    uint32_t n = hoi_shared_take_from(c, part, bufs, max < most ? max : most);
    c->help_left -= n;
    c->fresh = 0;
    c->help_taken = n;
    return n;
}

int32_t hoi_help_take(struct hoi_consumer *c, ho_buf *bufs, uint32_t max, uint32_t *taken)
{
    uint32_t part;
    measure(c);
    *taken = 0;
    if (c->claimed == 1 && c->help_left && hoi_shared_any(c, c->claims[0]) &&
        (*taken = take(c, c->claims[0], bufs, max)))
        return HO_OK;
    if (!c->help_left)
        return turn_over(c);
    hoi_shared_yield(c);
    while (c->help_left && (part = pop(c)) != HOI_CLAIM_NONE) {
        if (!hoi_claim_try(&c->service->claims, part))
            continue; /* another consumer has it */
        c->claims[0] = (uint16_t)part;
        c->claimed = 1;
        if ((*taken = take(c, part, bufs, max)))
            return HO_OK;
        hoi_shared_yield(c);
    }
    return turn_over(c);
}

void hoi_help_end(struct hoi_consumer *c)
{
    struct hoi_producer *p = c->helped;
    if (!p)
        return;
    hoi_producer_publish(p);
    (void)announce(c);
    owe_nothing(c);
    for (uint32_t i = 0; i < p->partitions; i++)
        if (p->lanes[i])
            p->lanes[i]->helper = NULL;
    p->helper = NULL;
    c->helped = NULL;
    (void)A_FSUB(c->service->consumers_helping, 1, memory_order_relaxed);
}

static void begin(struct hoi_consumer *c, struct hoi_producer *p, uint32_t most)
{
    hoi_producer_publish(p);
    c->helped = p;
    c->help_budget = c->help_left = most ? most : BUDGET_DEFAULT;
    c->help_taken = 0;
    c->help_cost_ns = 0;
    c->help_trial = 1;
    p->helper = c;
    (void)A_FADD(c->service->consumers_helping, 1, memory_order_relaxed);
    for (uint32_t i = 0; i < p->partitions; i++)
        if (p->lanes[i])
            p->lanes[i]->helper = c;
}

int32_t ho_consumer_help(ho_consumer *handle, ho_producer *producer, uint32_t most)
{
    struct hoi_consumer *c = hoi_consumer_get(handle);
    struct hoi_producer *p = producer ? hoi_producer_get(producer) : NULL;
    if (!c || (producer && !p))
        return hoi_handle_status();
    if (p && (c->bound || p->service != c->service))
        return HO_E_INVAL;
    if (p && p->helper && p->helper != c)
        return HO_E_BUSY;
    hoi_help_end(c);
    if (p)
        begin(c, p, most);
    return HO_OK;
}
