/* SPDX-License-Identifier: MIT */
/* The sockets of one process: opened before the timed part; after that no call blocks or
 * allocates. */
#ifndef HANDOFF_LOAD_LINKS_H
#define HANDOFF_LOAD_LINKS_H

#include <stddef.h>
#include <stdint.h>

#include "game/wire.h"
#include "options.h"

/* Room before a frame that links_send may write to: the TCP prefix. */
#define LINKS_HEADROOM GAME_PREFIX_BYTES

/*
 * Called for every received frame, with its socket's number. Returns 1 if it answers a sent frame,
 * 0 if it is unexpected.
 */
typedef int links_frame(void *context, uint32_t link, const uint8_t *frame, size_t len);

struct links;

/*
 * Opens `count` sockets and connects them to the target, TCP at a steady pace. To a target in
 * 127.0.0.0/8 they connect from 127.0.0.1 and, before ports run out, from the next addresses; to
 * any other, from the address of the route. Returns NULL after one line about what is wrong.
 */
struct links *links_open(const struct load_options *options, uint32_t count, links_frame *on_frame,
                         void *context);
void links_close(struct links *links);

/*
 * Sends one frame. `frame` has LINKS_HEADROOM writable bytes before it. Returns 0, or -1 if the
 * kernel would not take it now, or the connection is lost.
 */
int links_send(struct links *links, uint32_t link, uint8_t *frame, size_t len);

/*
 * Waits until something arrives or the time is up (0: does not wait), and passes every received
 * frame to on_frame. Returns how many sockets had something.
 */
int links_receive(struct links *links, uint64_t timeout_ns);

/* Passes on what the kernel still holds after the last answer: unexpected frames. */
void links_sweep(struct links *links);

/* Messages that were not sent or can't be answered, and why. */
struct links_faults {
    uint64_t unsent;  /* UDP: this machine did not send it */
    uint64_t unheard; /* UDP: the target's machine refused it (ICMP); one for many */
    uint64_t unread;  /* TCP: the target has not read what was sent earlier */
    uint64_t gone;    /* TCP: its connection was already lost */
    uint64_t cut;     /* TCP: sent, but its connection was lost before the answer */
    uint32_t lost;    /* TCP: connections that the other side closed, or whose framing broke */
};

struct links_faults links_faults(const struct links *links);

#endif
