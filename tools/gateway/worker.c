/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include "handoff/net_key.h"

#define BATCH 64u

/* Writes the answer where the network thread will send it from; ho_commit gives back the unused
 * bytes. */
static void serve(struct worker *w, const ho_buf *message)
{
    ho_buf answer;
    size_t len = 0;
    if (ho_reserve(w->memory, GAME_FRAME_MAX, NULL, &answer) != HO_OK) {
        w->dropped++;
        return;
    }
    int handled = game_handle(w->state, message->ptr, message->len, answer.ptr, answer.cap, &len);
    if (handled != GAME_HANDLED) {
        *(handled == GAME_NO_MEMORY ? &w->dropped : &w->refused) += 1;
        ho_abort(w->memory, &answer, 1, NULL);
        return;
    }
    answer.len = len;
    answer.key = message->key;
    ho_net_answer(&answer, message->value);
    if (ho_commit(w->answers, &answer, 1, HO_MORE, NULL) == HO_OK) {
        w->handled++;
        return;
    }
    w->dropped++;
    ho_abort(w->memory, &answer, 1, NULL);
}

/* Answers first: a returned message says that its answer is out. */
void worker_deal(void *worker, ho_buf *messages, uint32_t count)
{
    struct worker *w = worker;
    uint64_t now_ns = game_clock_ns();
    for (uint32_t i = 0; i < count; i++) {
        game_state_at(w->state, messages[i].partition, now_ns); /* one table per partition */
        serve(w, &messages[i]);
    }
    ho_flush(w->answers);
}

void worker_run(struct worker *w)
{
    ho_buf messages[BATCH];
    for (;;) {
        uint32_t count = 0;
        int32_t status = ho_take(w->messages, messages, BATCH, &count);
        if (status == HO_EMPTY)
            status = ho_wait(w->messages, -1);
        if (status != HO_OK)
            return;
        worker_deal(w, messages, count);
        ho_return(w->domain, messages, count, NULL);
    }
}
