/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLE_SERVICE_H
#define EXAMPLE_SERVICE_H

#include <handoff/handoff.h>

/* The ends of a working thread. */
struct service {
    ho_domain *domain;
    ho_consumer *requests;
    ho_shard *shard; /* used by the producer */
    ho_producer *answers;
    uint64_t work_us;  /* how long each message takes */
    uint32_t may_wait; /* for room for an answer; never on the thread that takes answers */
};

/* Processes and answers messages. Those whose answer was refused stay in `messages`; the others are
 * zeroed. */
void service_work(const struct service *mine, ho_buf *messages, uint32_t count);

/* A worker: runs until the service is closed and empty. For pthread_create. */
void *service_thread(void *mine);

/* Closes the ends, the consumer last: that tells that every answer is on its way. */
void service_leave(const struct service *mine);

#endif
