/* SPDX-License-Identifier: MIT */
/* One connection. A frame travels with its length, so that an answer can be sent unchanged. It must
 * fit into a loan, which is at most a segment: 256 KiB by default. */
#ifndef EPOLL_C_CONNECTION_H
#define EPOLL_C_CONNECTION_H

#include "network.h"

#include <string.h>

/* Size of the first frame with its length; only the size of the length while that is incomplete. */
static inline uint64_t frame_bytes(const uint8_t *at, uint64_t have)
{
    uint32_t bytes = 0;
    if (have >= HEADER_BYTES)
        memcpy(&bytes, at, HEADER_BYTES);
    return HEADER_BYTES + (uint64_t)bytes;
}

/* Total size of the complete frames at the front. */
static inline uint64_t whole_frames(const uint8_t *at, uint64_t have)
{
    uint64_t whole = 0;
    for (uint64_t next = frame_bytes(at, have); next <= have - whole;
         next = frame_bytes(at + whole, have - whole))
        whole += next;
    return whole;
}

struct connection {
    int fd;
    uint64_t id;         /* index and generation; key and value of the messages that it sends */
    ho_buf room;         /* a loan to read into */
    uint64_t room_bytes; /* size of the next one */
    uint64_t have;       /* bytes at its front that are received and not handed over */
    ho_buf waiting;      /* frames that the service had no room for */
    ho_buf *unsent;      /* answers that the socket had no room for */
    uint32_t unsent_count, unsent_most;
    uint64_t owed;    /* answers still to come */
    uint32_t watched; /* epoll events */
    bool paused;      /* not read, for want of room */
    bool ended;       /* the peer sends no more */
};

/* Takes ownership of the socket. */
void connection_open(struct network *n, int fd);
/* NULL if it is closed. */
struct connection *connection_find(const struct network *n, uint64_t id);
/* It is readable: does one read. */
void connection_read(struct network *n, struct connection *c);
/* Hands over what was received; also after a pause. */
void connection_go_on(struct network *n, struct connection *c);
/* Sends answers, keeps those that must wait, and leaves the others to be returned. */
void connection_send(struct network *n, struct connection *c, ho_buf *answers, uint32_t count);
/* It is writable. */
void connection_write(struct network *n, struct connection *c);
/* Ends it if every answer is sent, and the peer or the server wants to end. */
void connection_finish(struct network *n, struct connection *c);
/* Ends it at once. Answers on their way to it are returned when they arrive. */
void connection_drop(struct network *n, struct connection *c);

#endif
