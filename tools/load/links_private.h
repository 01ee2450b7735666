/* SPDX-License-Identifier: MIT */
/* Shared by the two transports. */
#ifndef HANDOFF_LOAD_LINKS_PRIVATE_H
#define HANDOFF_LOAD_LINKS_PRIVATE_H

#include "links.h"

#include <netinet/in.h>
#include <sys/epoll.h>

#define RECEIVE_BYTES 65536
#define EVENTS_AT_ONCE 1024

/* One TCP connection's partial frames. Touched only when a frame was cut. */
struct rest {
    uint32_t in_len;
    uint32_t out_len;
    uint8_t in[GAME_PREFIX_BYTES + GAME_FRAME_MAX];
    uint8_t out[GAME_PREFIX_BYTES + GAME_FRAME_MAX];
};

struct link {
    int fd;           /* -1: lost */
    uint32_t waiting; /* answers that may still come */
};

struct links {
    int epoll_fd;
    int tcp;
    uint32_t count;
    struct links_faults faults;
    links_frame *on_frame;
    void *context;
    struct link *link;
    struct rest *rest; /* TCP: one per link */
    struct epoll_event events[EVENTS_AT_ONCE];
    uint8_t buffer[RECEIVE_BYTES];
};

void udp_receive(struct links *links, uint32_t link);
int udp_send(struct links *links, uint32_t link, const uint8_t *frame, size_t len);

void tcp_receive(struct links *links, uint32_t link);
int tcp_send(struct links *links, uint32_t link, uint8_t *frame, size_t len);
void tcp_writable(struct links *links, uint32_t link);

#endif
