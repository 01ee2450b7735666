/* SPDX-License-Identifier: MIT */
/* The network thread: an epoll loop, its ends of the services, its connections. */
#ifndef EPOLL_C_NETWORK_H
#define EPOLL_C_NETWORK_H

#include "service.h"

#include <stdbool.h>

#define CONNECTIONS_MOST 1024u
#define BATCH 64u
#define OUT_MOST (8 * BATCH)

struct connection;

struct network {
    ho_domain *domain;
    ho_shard *shard;       /* in the arena that sockets receive into */
    int32_t room_fd;       /* the shard's: readable when it is worth trying again after HO_FULL */
    ho_producer *requests; /* of the service, uses the shard */
    ho_consumer *own;      /* of the service: this thread handles light messages itself */
    ho_consumer *answers;  /* of egress */
    int32_t answers_fd;
    struct world *worlds;
    ho_buf out[OUT_MOST]; /* answers of this turn, in the order in which they are sent */
    uint32_t out_count;
    int set, listener, signals;
    struct connection *all[CONNECTIONS_MOST];
    uint32_t uses[CONNECTIONS_MOST]; /* per index: no id is used twice */
    uint32_t open;
    uint32_t turn; /* the paused connection to resume first */
    uint64_t pauses;
    bool deaf; /* the listener is not watched: no index, or no descriptor, for another connection */
    bool stopping;
};

/* Serves until SIGINT or SIGTERM, and then until every connection has its answers, or nothing has
 * happened for 5 s. */
void network_run(struct network *n);

/* Sends the workers' answers. */
void network_send_answers(struct network *n);

/* Starts or stops watching the listener. */
void network_listen(struct network *n, bool on);

/* Ends the program with a message if something could not be opened. */
void must(int32_t status, const char *what);
void must_system(int result, const char *what);

/* Opens a socket that listens on 127.0.0.1, and prints its address. Port 0: any free one. */
int open_listener(uint16_t port);
/* Opens a descriptor that becomes readable on SIGINT or SIGTERM. Call it before starting
 * threads. */
int open_signals(void);

#endif
