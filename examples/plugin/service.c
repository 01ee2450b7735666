/* SPDX-License-Identifier: MIT */
/* A service in a module: answers each message with its version and the message. The answers are in
 * the module's memory, which it gives and frees in its own callback. So it must not be unloaded
 * before the last answer has come back. */
#include "plugin.h"

#include <handoff/net_key.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_NS 20000000 /* how often an idle module checks whether to stop */

struct service {
    ho_domain *domain;
    ho_consumer *requests;
    ho_shard *shard;
    ho_producer *answers, *notices; /* use the shard */
    uint32_t owner;                 /* of what it gives */
    uint64_t answered;
    atomic_bool stop;
};

/* Runs on any thread of the server: the one that sent the answer, or that drops it. */
static void free_texts(void *ctx, const ho_release_rec *recs, uint32_t count)
{
    (void)ctx;
    for (uint32_t i = 0; i < count; i++)
        free(recs[i].base);
}

static int32_t give_text(struct service *s, ho_producer *to, ho_buf *text)
{
    text->owner = s->owner;
    int32_t status = ho_give(to, text, 1, HO_MORE, NULL);
    if (status != HO_OK && status != HO_DROPPED)
        free(text->ptr); /* refused: still ours */
    return status;
}

static void answer(struct service *s, const ho_buf *message)
{
    static const char before[] = VERSION " ";
    uint64_t bytes = sizeof before - 1 + message->len;
    ho_buf text = {.ptr = malloc(bytes), .len = bytes, .key = message->key};
    if (!text.ptr)
        return;
    memcpy(text.ptr, before, sizeof before - 1);
    memcpy(text.ptr + sizeof before - 1, message->ptr, message->len);
    ho_net_answer(&text, message->value);
    s->answered += give_text(s, s->answers, &text) == HO_OK;
}

static void notify(struct service *s)
{
    ho_buf text = {.ptr = malloc(64)};
    if (!text.ptr)
        return;
    text.len =
        (uint64_t)snprintf((char *)text.ptr, 64, VERSION " has answered %" PRIu64, s->answered);
    give_text(s, s->notices, &text);
}

static void close_ends(struct service *s)
{
    ho_producer_close(s->answers);
    ho_producer_close(s->notices);
    ho_shard_close(s->shard);
    ho_consumer_close(s->requests); /* what it has not taken waits for the next module */
}

static int32_t start(const struct plugin_host *host, void **state)
{
    ho_owner_opts opts;
    ho_init(HO_TYPE_OWNER_OPTS, &opts, sizeof opts);
    opts.release = free_texts;
    struct service *s = calloc(1, sizeof *s);
    if (!s)
        return HO_E_NOMEM;
    s->domain = host->domain;
    int32_t status = ho_owner_register(s->domain, &opts, &s->owner);
    if (!status)
        status = ho_shard_open(host->memory, &s->shard); /* for the records of what it gives */
    if (!status)
        status = ho_producer_open(host->answers, s->shard, &s->answers);
    if (!status)
        status = ho_producer_open(host->notices, s->shard, &s->notices);
    if (!status)
        status = ho_consumer_open(host->requests, NULL, &s->requests);
    if (status) { /* closing something unopened is refused, and does nothing */
        close_ends(s);
        ho_owner_retire(s->domain, s->owner, 0);
        free(s);
        return status;
    }
    *state = s;
    return HO_OK;
}

static void work(void *state)
{
    struct service *s = state;
    ho_buf messages[64];
    uint32_t count;
    while (!atomic_load(&s->stop)) {
        int32_t status = ho_take(s->requests, messages, 64, &count);
        if (status == HO_EMPTY)
            status = ho_wait(s->requests, LOOK_NS);
        if (status == HO_CLOSED || (status < 0 && status != HO_E_NOMEM))
            break;
        for (uint32_t i = 0; i < count; i++)
            answer(s, &messages[i]);
        ho_flush(s->answers);
        ho_return(s->domain, messages, count, NULL);
    }
    notify(s);
    close_ends(s);
}

static void stop(void *state)
{
    struct service *s = state;
    atomic_store(&s->stop, true);
}

static int32_t end(void *state, int64_t timeout_ns)
{
    struct service *s = state;
    int32_t status = ho_owner_retire(s->domain, s->owner, timeout_ns);
    if (status == HO_OK)
        free(s);
    return status;
}

extern const struct plugin plugin;
__attribute__((visibility("default")))
const struct plugin plugin = {HO_ABI_MINOR, start, work, stop, end};
