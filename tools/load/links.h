/* SPDX-License-Identifier: MIT */
/* The sockets of one process: opened before the timed part, then neither blocking nor allocating. */
#ifndef HANDOFF_LOAD_LINKS_H
#define HANDOFF_LOAD_LINKS_H

#include <stddef.h>
#include <stdint.h>

#include "game/wire.h"
#include "options.h"

/* Room in front of a frame that links_send may write to: the TCP prefix. */
#define LINKS_HEADROOM GAME_PREFIX_BYTES

/*
 * Called for every frame that comes in, with the number of its socket. Returns 1 if it answers one of
 * the frames that were sent, 0 if it should not be there.
 */
typedef int links_frame(void *context, uint32_t link, const uint8_t *frame, size_t len);

struct links;

/*
 * Opens `count` sockets to the target and connects them, TCP at a steady pace. To a target in
 * 127.0.0.0/8 they start from 127.0.0.1 and, before ports run out, from the next ones; to any other
 * from the address that the route has.
 * Returns NULL after one line about what is wrong.
 */
struct links *links_open(const struct load_options *options, uint32_t count, links_frame *on_frame,
                         void *context);
void links_close(struct links *links);

/*
 * Sends one frame. `frame` has LINKS_HEADROOM writable bytes in front of it.
 * Returns 0, or -1 if the kernel would not take it now, or the connection is gone.
 */
int links_send(struct links *links, uint32_t link, uint8_t *frame, size_t len);

/*
 * Waits until something came in or the time is up (0: does not wait), and hands every frame that is
 * there to on_frame. Returns how many sockets had something.
 */
int links_receive(struct links *links, uint64_t timeout_ns);

/* Hands on what the kernel still holds after the last answer: frames that should not be there. */
void links_sweep(struct links *links);

/* Messages that were not sent, or can't have an answer, and why. */
struct links_faults {
    uint64_t unsent;  /* UDP: this machine did not send it */
    uint64_t unheard; /* UDP: the target's machine says (ICMP) that nobody listens; once for many */
    uint64_t unread;  /* TCP: the target has not read what was sent before */
    uint64_t gone;    /* TCP: its connection was lost before */
    uint64_t cut;     /* TCP: it was sent, and its connection lost before the answer */
    uint32_t lost;    /* TCP: connections that the other side ended, or that broke its framing */
};

struct links_faults links_faults(const struct links *links);

#endif
