/* SPDX-License-Identifier: MIT */
/* One connection. A frame travels with its length, so that an answer can be sent as it is. It must fit into a loan, which
 * is at most a segment: 256 KiB by default. */
#ifndef EPOLL_C_CONNECTION_H
#define EPOLL_C_CONNECTION_H

#include "network.h"

#include <string.h>

/* The frame in front, with its length; the length alone while that is not here. */
static inline uint64_t frame_bytes(const uint8_t *at, uint64_t have)
{
    uint32_t bytes = 0;
    if (have >= HEADER_BYTES)
        memcpy(&bytes, at, HEADER_BYTES);
    return HEADER_BYTES + (uint64_t)bytes;
}

/* All frames in front that are here to the end. */
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
    uint64_t id;         /* place and use; ho_buf.key and value of what it sends */
    ho_buf room;         /* a loan that is read into */
    uint64_t room_bytes; /* of the next one */
    uint64_t have;       /* its first so many bytes are received and not sent on */
    ho_buf waiting;      /* frames that the service had no room for */
    ho_buf *unsent;      /* answers that the socket had no room for */
    uint32_t unsent_count, unsent_most;
    uint64_t owed;    /* answers */
    uint32_t watched; /* events */
    bool paused;      /* there was no room: it is not read */
    bool ended;       /* the peer sends no more */
};

/* Takes the socket over. */
void connection_open(struct network *n, int fd);
/* NULL if it has gone. */
struct connection *connection_find(const struct network *n, uint64_t id);
/* It is readable: one read. */
void connection_read(struct network *n, struct connection *c);
/* Hands over what was received; also after a pause. */
void connection_go_on(struct network *n, struct connection *c);
/* Sends answers, takes those out that must wait, and leaves the others to be returned. */
void connection_send(struct network *n, struct connection *c, ho_buf *answers, uint32_t count);
/* It is writable. */
void connection_write(struct network *n, struct connection *c);
/* Ends it if every answer is out, and the peer or the server wants to end. */
void connection_finish(struct network *n, struct connection *c);
/* Ends it at once. Answers that are still on their way to it are returned when they come. */
void connection_drop(struct network *n, struct connection *c);

#endif
