/* SPDX-License-Identifier: MIT */
/* Taking: what arrives is what was sent, the oldest of its producer in its partition. */
#include "ledger.h"

#include <poll.h>

static struct item *find(uint32_t service, const ho_buf *b)
{
    for (uint32_t i = 0; i < ITEMS; i++) {
        struct item *item = &ledger.items[i];
        if (item->place == SENT && item->service == service && item->buf.value == b->value)
            return item;
    }
    fail(__LINE__, "find", "a message that was not sent here, or came before");
}

static void arrived(const struct consumer *c, const ho_buf *b)
{
    struct service *s = &ledger.services[c->service];
    struct item *item = find(c->service, b);
    const ho_buf *sent = &item->buf;
    for (uint32_t i = 0; i < ITEMS; i++) {
        const struct item *other = &ledger.items[i];
        CHECK(other->place != SENT || other->sender != item->sender ||
                  other->partition != item->partition || other->buf.value >= b->value,
              "order in partition %u", item->partition);
    }
    CHECK(b->service == s->number && b->partition == item->partition, "service or partition");
    CHECK(!s->bound || c->partition == item->partition, "another consumer's partition");
    CHECK(b->len == sent->len && b->key == sent->key && b->kind == sent->kind, "len, key or kind");
    CHECK(b->flags == (sent->flags & ~HO_BUF_PARTITION), "flags %x of %x", b->flags, sent->flags);
    CHECK(!sent->ptr || !b->len || b->ptr == sent->ptr, "moved");
    item->buf = *b;
    item->place = HELD;
    item_check(item);
    item_check_room(item);
    s->out++;
    s->out_bytes += b->len;
}

/* Must a consumer that got nothing have found something? Not if it may be held back, or be another's. */
static bool something_for(const struct consumer *c)
{
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        const struct producer *p = &ledger.producers[i];
        if (p->handle && p->service == c->service && p->more)
            return false;
    }
    if (c->helps != NONE)
        return false;
    for (uint32_t i = 0; i < CONSUMERS; i++) {
        const struct consumer *other = &ledger.consumers[i];
        if (other != c && other->handle && other->service == c->service && other->claims)
            return false;
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        const struct item *item = &ledger.items[i];
        if (item->place == SENT && item->service == c->service &&
            (!ledger.services[c->service].bound || item->partition == c->partition))
            return true;
    }
    return false;
}

uint32_t take(struct consumer *c, uint32_t max)
{
    ho_buf bufs[ITEMS];
    uint32_t taken = 99;
    const struct service *s = &ledger.services[c->service];
    int32_t status = ho_take(c->handle, bufs, max, &taken);
    CHECK(status == HO_OK || status == HO_EMPTY || (status == HO_CLOSED && s->closing), "%s",
          status_name(status));
    CHECK((status == HO_OK) == (taken > 0) && taken <= max, "%u of %u", taken, max);
    CHECK(taken || !max || !something_for(c), "%s, and something is there", status_name(status));
    for (uint32_t i = 0; i < taken; i++)
        arrived(c, &bufs[i]);
    if (max) {
        c->claims = taken > 0 && !s->bound;
        c->armed = c->fd >= 0 && c->helps == NONE && status == HO_EMPTY;
    }
    return taken;
}

static struct consumer *any_consumer(void)
{
    struct consumer *c = &ledger.consumers[pick(CONSUMERS)];
    return c->handle ? c : NULL;
}

static void do_take(void)
{
    struct consumer *c = any_consumer();
    if (c)
        (void)take(c, one_in(20) ? 0 : 1 + pick(8));
}

static void do_fd(void)
{
    struct consumer *c = any_consumer();
    if (!c || c->fd >= 0)
        return;
    MUST(ho_consumer_fd(c->handle, &c->fd));
    CHECK(c->fd >= 0, "no descriptor");
}

static bool is_readable(int32_t fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static bool helped(uint32_t service)
{
    for (uint32_t i = 0; i < CONSUMERS; i++) {
        const struct consumer *c = &ledger.consumers[i];
        if (c->handle && c->service == service && c->helps != NONE)
            return true;
    }
    return false;
}

/* Where something is for a consumer that armed its descriptor, that of one like it has fired. */
void check_descriptors(void)
{
    for (uint32_t i = 0; i < CONSUMERS; i++) {
        const struct consumer *c = &ledger.consumers[i];
        bool fired = false;
        if (!c->handle || !c->armed || helped(c->service) || !something_for(c))
            continue;
        for (uint32_t k = 0; k < CONSUMERS; k++) {
            const struct consumer *other = &ledger.consumers[k];
            if (other->handle && other->fd >= 0 && other->service == c->service &&
                (other == c || !ledger.services[c->service].bound))
                fired |= is_readable(other->fd);
        }
        CHECK(fired, "consumer %u is armed, something is there, and no descriptor is readable", i);
    }
}

static void do_wait(void)
{
    struct consumer *c = any_consumer();
    if (!c)
        return;
    bool there = something_for(c);
    int32_t status = ho_wait(c->handle, 0);
    c->armed = false;
    CHECK(status == HO_OK || (status == HO_TIMEOUT && !there), "%s", status_name(status));
    c->claims = status == HO_OK && !ledger.services[c->service].bound;
}

static void do_yield(void)
{
    struct consumer *c = any_consumer();
    if (!c)
        return;
    MUST(ho_consumer_yield(c->handle));
    c->claims = false;
    c->armed = false;
}

static void do_help(void)
{
    struct consumer *c = any_consumer();
    uint32_t number = pick(PRODUCERS + 1);
    struct producer *p = number < PRODUCERS ? &ledger.producers[number] : NULL;
    int32_t expected = HO_OK;
    if (!c || (p && !p->handle))
        return;
    if (p) {
        if (ledger.services[c->service].bound || p->service != c->service)
            expected = HO_E_INVAL;
        else
            for (uint32_t i = 0; i < CONSUMERS; i++)
                if (&ledger.consumers[i] != c && ledger.consumers[i].handle &&
                    ledger.consumers[i].helps == number)
                    expected = HO_E_BUSY;
    }
    int32_t status = ho_consumer_help(c->handle, p ? p->handle : NULL, pick(6));
    CHECK(status == expected, "%s, expected %s", status_name(status), status_name(expected));
    if (status)
        return;
    if (c->helps != NONE)
        ledger.producers[c->helps].more = false;
    c->helps = p ? number : NONE;
    if (p)
        p->more = false;
}

void fuzz_take(void)
{
    static void (*const calls[])(void) = {do_take, do_take,  do_take, do_take,
                                          do_wait, do_yield, do_help, do_fd};
    calls[pick(sizeof calls / sizeof *calls)]();
}
