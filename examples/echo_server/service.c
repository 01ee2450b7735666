/* SPDX-License-Identifier: MIT */
/* The service, in C: sends each message back to its connection, and prints reports. */
#include "service.h"

#include <handoff/net_key.h>

#include <inttypes.h>
#include <stdio.h>

/* The message itself is the answer, so nothing is copied. If a network thread hangs, this waits for
 * at most the egress service's wait_ns; then the answer is refused, stays with the caller, and is
 * returned with the rest. */
static void echo(ho_producer *egress, ho_buf *message)
{
    ho_net_answer(message, message->value);
    ho_forward(egress, message, 1, HO_MORE, NULL);
}

/* A std::vector of the server, read in place. Returning the message destroys it. */
static void print_report(const ho_buf *message)
{
    const uint64_t *counts = (const uint64_t *)(const void *)message->ptr;
    if (message->len != REPORT_FIELDS * sizeof *counts)
        return;
    printf("received %" PRIu64 ", answered %" PRIu64 ", refused %" PRIu64 "\n",
           counts[REPORT_RECEIVED], counts[REPORT_ANSWERED], counts[REPORT_REFUSED]);
    fflush(stdout);
}

void echo_serve(ho_domain *domain, ho_consumer *from, ho_producer *egress)
{
    ho_buf messages[64];
    uint32_t count;
    for (;;) {
        int32_t status = ho_take(from, messages, 64, &count);
        if (status == HO_EMPTY)
            status = ho_wait(from, -1);
        if (status != HO_OK && status != HO_E_NOMEM)
            return; /* HO_CLOSED: no more messages will come */
        for (uint32_t i = 0; i < count; i++) {
            if (messages[i].value == FROM_SERVER)
                print_report(&messages[i]);
            else
                echo(egress, &messages[i]);
        }
        /* Answers are published before the messages are returned, so that a stop loses none. */
        ho_flush(egress);
        /* Forwarded descriptors are empty, and skipped. */
        ho_return(domain, messages, count, NULL);
    }
}
