/* SPDX-License-Identifier: MIT */
/* More C of docs/, as in docs_snippets.h: a message of several parts; a network thread that
 * helps. */
#ifndef HANDOFF_TESTS_DOCS_PARTS_H
#define HANDOFF_TESTS_DOCS_PARTS_H

#include "docs_snippets.h"

/* snippet: parts */
/* Runs once for each list, whatever became of it: read and returned, dropped, never delivered. */
static void parts_back(void *domain, const ho_release_rec *recs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t parts = (uint32_t)(recs[i].size / sizeof(ho_buf));
        ho_return(domain, recs[i].base, parts, NULL); /* passes over those that were taken out */
        free(recs[i].base);
    }
}

static int32_t register_lists(ho_domain *domain, uint32_t *lists)
{
    ho_owner_opts opts;
    ho_init(HO_TYPE_OWNER_OPTS, &opts, sizeof opts);
    opts.release = parts_back; /* inline: any thread may do it */
    opts.ctx = domain;
    return ho_owner_register(domain, &opts, lists);
}

/* Sends buffers as one message, whose bytes are their descriptors. */
static int32_t send_parts(ho_producer *to, uint32_t lists, ho_buf *parts, uint32_t count,
                          uint64_t key)
{
    size_t bytes = count * sizeof *parts;
    ho_buf *list = malloc(bytes);
    if (!list)
        return HO_E_NOMEM;
    memcpy(list, parts, bytes);
    ho_buf message = {.ptr = (uint8_t *)list, .len = bytes, .owner = lists, .key = key};
    int32_t status = ho_give(to, &message, 1, 0, NULL);
    if (status == HO_OK || status == HO_DROPPED)
        memset(parts, 0, bytes); /* they are the list's now, or went back with it */
    else
        free(list); /* refused: the parts are still ours */
    return status;
}

/* Whoever took the message reads the parts where they lie. One that it keeps for longer than the message
 * it takes out of the list. */
static ho_buf take_part(const ho_buf *message, uint32_t number)
{
    ho_buf *part = (ho_buf *)(void *)message->ptr + number, kept = *part;
    memset(part, 0, sizeof *part);
    return kept;
}
/* snippet end */

/* snippet: helping */
/* Once, for a network thread that is to work on light messages itself: a consumer beside its producer. */
static int32_t begin_to_help(const struct server *s, const struct network *n, ho_consumer **helper)
{
    int32_t status = ho_consumer_open(s->game, NULL, helper);
    return status ? status : ho_consumer_help(*helper, n->to_game, 0);
}

/* In each turn of its loop, after it has read its sockets. What this leaves is the workers'. */
static void help(ho_domain *domain, ho_consumer *helper, void (*handle)(const ho_buf *message))
{
    ho_buf messages[16];
    uint32_t count;
    while (ho_take(helper, messages, 16, &count) == HO_OK) {
        for (uint32_t i = 0; i < count; i++)
            handle(&messages[i]);
        ho_return(domain, messages, count, NULL);
    }
}
/* snippet end */

#endif
