/* SPDX-License-Identifier: MIT */
/* The C of docs/: each piece between two marks appears word for word in a guide (check_docs.py),
 * and runs in test_docs.c. */
#ifndef HANDOFF_TESTS_DOCS_SNIPPETS_H
#define HANDOFF_TESTS_DOCS_SNIPPETS_H

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handoff/handoff.h"

#define FRAME_MAX 2048u
#define PARTITIONS 64u

/* snippet: state */
struct server { /* opened once */
    ho_domain *domain;
    ho_arena *received; /* memory that sockets receive into */
    ho_arena *answered; /* memory that workers answer in */
    ho_service *game;   /* the work: each partition is with one worker at a time */
    ho_service *egress; /* answers: a partition for each network thread */
};

struct network {          /* one per network thread */
    ho_shard *shard;      /* of received: reserve, split, abort */
    ho_producer *to_game; /* of game, over the shard: commit, give */
    ho_consumer *answers; /* of egress */
    int32_t room_fd;      /* tells when it is worth trying again after HO_FULL */
};

struct worker {            /* one per worker thread */
    ho_consumer *requests; /* of game */
    ho_shard *shard;       /* of answered */
    ho_producer *answers;  /* of egress, over the shard */
};
/* snippet end */

/* snippet: open */
static int32_t open_server(struct server *s, uint32_t network_threads)
{
    ho_service_opts shared, bound;
    ho_init(HO_TYPE_SERVICE_OPTS, &shared, sizeof shared);
    shared.partitions = PARTITIONS; /* some for each worker, however many there will be */
    ho_init(HO_TYPE_SERVICE_OPTS, &bound, sizeof bound);
    bound.partitions = network_threads;
    bound.consumers = HO_CONSUMERS_BOUND;
    bound.policy = HO_POLICY_WAIT; /* a worker waits for its network thread, never the reverse */
    bound.wait_ns = 1000000000;
    int32_t status = ho_domain_create(NULL, &s->domain);
    if (!status)
        status = ho_arena_open(s->domain, NULL, &s->received);
    if (!status)
        status = ho_arena_open(s->domain, NULL, &s->answered);
    if (!status)
        status = ho_service_open(s->domain, &shared, &s->game);
    if (!status)
        status = ho_service_open(s->domain, &bound, &s->egress);
    return status;
}

static int32_t open_network(const struct server *s, uint32_t number, struct network *n)
{
    ho_consumer_opts opts;
    ho_init(HO_TYPE_CONSUMER_OPTS, &opts, sizeof opts);
    opts.partition = number;
    int32_t status = ho_shard_open(s->received, &n->shard);
    if (!status)
        status = ho_shard_fd(n->shard, &n->room_fd); /* before there is a producer over it */
    if (!status)
        status = ho_producer_open(s->game, n->shard, &n->to_game);
    if (!status)
        status = ho_consumer_open(s->egress, &opts, &n->answers);
    return status;
}

static int32_t open_worker(const struct server *s, struct worker *w)
{
    int32_t status = ho_shard_open(s->answered, &w->shard);
    if (!status)
        status = ho_producer_open(s->egress, w->shard, &w->answers);
    if (!status)
        status = ho_consumer_open(s->game, NULL, &w->requests);
    return status;
}
/* snippet end */

/* snippet: datagram */
/* One datagram, straight into the arena. 1: sent on; 0: nothing came, or it waits in the socket. */
static int receive_datagram(struct network *n, int fd, uint64_t connection)
{
    ho_buf loan;
    if (ho_reserve(n->shard, FRAME_MAX, NULL, &loan) != HO_OK)
        return 0; /* HO_FULL: leave it in the socket, take some answers, come back */
    ssize_t got = recv(fd, loan.ptr, loan.cap, MSG_DONTWAIT);
    if (got > 0) {
        loan.len = (uint64_t)got; /* the room behind it goes back to the arena */
        loan.key = connection;
        if (ho_commit(n->to_game, &loan, 1, 0, NULL) == HO_OK)
            return 1;
    }
    ho_abort(n->shard, &loan, 1, NULL); /* nothing came, or nobody has room for it */
    return 0;
}
/* snippet end */

/* snippet: stream */
struct stream {
    int fd;
    uint64_t connection;
    ho_buf room;    /* a loan; its first `have` bytes are received and not sent on */
    uint64_t have;  /* a frame is a 4-byte length and a payload */
    ho_buf waiting; /* a frame that the service had no room for */
};

/* Called when the room or its segment is used up: what is left of the last read moves. */
static int32_t next_room(struct network *n, struct stream *s)
{
    ho_buf room;
    int32_t status = ho_reserve(n->shard, 16 * FRAME_MAX, NULL, &room);
    if (status)
        return status;
    if (s->have)
        memcpy(room.ptr, s->room.ptr, s->have);
    if (s->room.kind == HO_KIND_LOAN)
        ho_abort(n->shard, &s->room, 1, NULL);
    s->room = room;
    return HO_OK;
}

static int32_t send_waiting(struct network *n, struct stream *s)
{
    int32_t status = HO_OK;
    if (s->waiting.kind == HO_KIND_LOAN)
        status = ho_commit(n->to_game, &s->waiting, 1, HO_MORE, NULL);
    return status == HO_DROPPED ? HO_OK : status;
}

/* Sends every whole frame on, without a copy. */
static int32_t send_frames(struct network *n, struct stream *s)
{
    uint32_t bytes;
    int32_t status = send_waiting(n, s);
    while (!status && s->have >= sizeof bytes) {
        memcpy(&bytes, s->room.ptr, sizeof bytes);
        if (bytes > FRAME_MAX)
            return HO_E_RANGE; /* of no use to anybody: close the connection */
        if (s->have < sizeof bytes + bytes)
            break;
        status = ho_split(n->shard, &s->room, sizeof bytes + bytes, &s->waiting);
        if (status == HO_FULL) { /* the segment has no number left */
            status = next_room(n, s);
            continue;
        }
        if (status)
            break;
        s->have -= s->waiting.len;
        s->waiting.ptr += sizeof bytes; /* past the length: len and cap follow */
        s->waiting.len = s->waiting.cap = bytes;
        s->waiting.key = s->connection;
        status = send_waiting(n, s);
    }
    ho_flush(n->to_game);
    return status;
}

/* HO_FULL: nothing is lost; try again when some answers have come, and leave the rest in the socket. */
static int32_t read_stream(struct network *n, struct stream *s)
{
    int32_t status = send_frames(n, s);
    if (!status && s->room.cap < s->have + sizeof(uint32_t) + FRAME_MAX)
        status = next_room(n, s);
    if (status)
        return status;
    ssize_t got = recv(s->fd, s->room.ptr + s->have, s->room.cap - s->have, MSG_DONTWAIT);
    if (got <= 0)
        return got ? HO_EMPTY : HO_CLOSED; /* nothing there; the peer has gone */
    s->have += (uint64_t)got;
    return send_frames(n, s);
}
/* snippet end */

/* snippet: worker */
/* Until the service closes. `handle` reads the message where it lies. */
static void serve(ho_domain *domain, ho_consumer *from, void (*handle)(const ho_buf *message))
{
    ho_buf messages[64];
    for (;;) {
        uint32_t count = 0;
        int32_t status = ho_take(from, messages, 64, &count);
        if (status == HO_EMPTY)
            status = ho_wait(from, -1);
        if (status != HO_OK)
            return; /* HO_CLOSED: nothing will come any more */
        for (uint32_t i = 0; i < count; i++)
            handle(&messages[i]);
        ho_return(domain, messages, count, NULL);
    }
}
/* snippet end */

/* snippet: by_partition */
struct world { /* what a worker knows of the players whose keys fall into one partition */
    _Alignas(128) uint64_t moves;
};
static struct world worlds[PARTITIONS];

/* No lock: whoever took the message has its partition until it takes again. */
static void play(const ho_buf *message)
{
    worlds[message->partition].moves++;
}
/* snippet end */

/* snippet: answer */
/* Writes an answer where the network thread will send it from. */
static int32_t answer(struct worker *w, uint16_t thread, uint64_t connection, const void *text,
                      uint64_t bytes)
{
    ho_buf loan;
    int32_t status = ho_reserve(w->shard, bytes, NULL, &loan);
    if (status)
        return status;
    memcpy(loan.ptr, text, bytes); /* better: let the work write into loan.ptr */
    loan.len = bytes;
    loan.key = connection;
    loan.partition = thread; /* the network thread that has the connection */
    loan.flags |= HO_BUF_PARTITION;
    status = ho_commit(w->answers, &loan, 1, 0, NULL);
    if (status == HO_FULL || status < 0)
        ho_abort(w->shard, &loan, 1, NULL);
    return status;
}
/* snippet end */

/* snippet: egress */
/* Sends what is there; a buffer goes back only when the kernel has all of it. */
static void send_answers(struct network *n, ho_domain *domain, int (*socket_of)(uint64_t key))
{
    ho_buf bufs[64];
    uint32_t count;
    while (ho_take(n->answers, bufs, 64, &count) == HO_OK) {
        for (uint32_t i = 0; i < count; i++)
            if (send(socket_of(bufs[i].key), bufs[i].ptr, bufs[i].len, MSG_DONTWAIT) < 0)
                continue; /* a stream would keep bufs[i], as it is, and go on when it may write */
        ho_return(domain, bufs, count, NULL);
    }
}
/* snippet end */

/* snippet: epoll */
/* One loop for sockets, answers and room. `ready` reads the sockets, and says whether to go on. */
static int32_t run_loop(struct network *n, int sockets, int (*ready)(void), void (*answers)(void))
{
    int32_t fd;
    int32_t status = ho_consumer_fd(n->answers, &fd);
    if (status)
        return status;
    struct epoll_event want = {.events = EPOLLIN, .data.fd = fd}, got[16];
    struct epoll_event room = {.events = EPOLLIN, .data.fd = n->room_fd};
    if (epoll_ctl(sockets, EPOLL_CTL_ADD, fd, &want) ||
        epoll_ctl(sockets, EPOLL_CTL_ADD, n->room_fd, &room)) {
        close(fd);
        return HO_E_SYSTEM;
    }
    answers(); /* the first HO_EMPTY arms the descriptor */
    for (int go_on = 1; go_on;) {
        int count = epoll_wait(sockets, got, 16, -1);
        for (int i = 0; i < count; i++) {
            uint64_t fired;
            if (got[i].data.fd == fd)
                answers(); /* takes until HO_EMPTY, which arms it again */
            else if (got[i].data.fd != n->room_fd || read(n->room_fd, &fired, sizeof fired) > 0)
                go_on = ready(); /* also what waited in its sockets for room */
        }
    }
    epoll_ctl(sockets, EPOLL_CTL_DEL, fd, NULL); /* first: the library has the same eventfd open */
    epoll_ctl(sockets, EPOLL_CTL_DEL, n->room_fd, NULL);
    close(fd);
    return HO_OK;
}
/* snippet end */

/* snippet: owner */
struct packet {
    uint8_t *bytes;
    uint64_t len;
};

static void packets_back(void *pool, const ho_release_rec *recs, uint32_t count)
{
    (void)pool;
    for (uint32_t i = 0; i < count; i++) {
        struct packet *packet = (struct packet *)(uintptr_t)recs[i].token;
        free(packet->bytes);
        free(packet);
    }
}

static int32_t register_packets(ho_domain *domain, void *pool, uint32_t *owner)
{
    ho_owner_opts opts;
    ho_init(HO_TYPE_OWNER_OPTS, &opts, sizeof opts);
    opts.mode = HO_RELEASE_DRAIN; /* freed where they were made */
    opts.release = packets_back;
    opts.ctx = pool;
    return ho_owner_register(domain, &opts, owner);
}

static int32_t give_packet(ho_producer *to, uint32_t owner, struct packet *packet, uint64_t key)
{
    ho_buf buf = {.ptr = packet->bytes, .len = packet->len, .owner = owner, .key = key};
    buf.handle = (uintptr_t)packet;       /* comes back as the token */
    return ho_give(to, &buf, 1, 0, NULL); /* refused: the packet is still ours */
}
/* snippet end */

/* snippet: statuses */
enum next { GO_ON, TRY_LATER, STOP_SENDING, BUG };

static enum next what_next(int32_t status)
{
    switch (status) {
    case HO_OK: return GO_ON;
    case HO_DROPPED: return GO_ON;         /* the policy dropped some: counted, and not ours */
    case HO_FULL: return TRY_LATER;        /* still ours: back-pressure */
    case HO_E_NOMEM: return TRY_LATER;     /* still ours */
    case HO_E_CLOSED: return STOP_SENDING; /* still ours: abort it or return it */
    case HO_E_OWNER: return STOP_SENDING;  /* the owner is retired */
    default: return BUG;                   /* log ho_strerror's name and text */
    }
}
/* snippet end */

/* snippet: shutdown */
static void close_worker(struct worker *w)
{
    ho_producer_close(w->answers);
    ho_shard_close(w->shard);       /* its answers stay valid: they are the arena's */
    ho_consumer_close(w->requests); /* last: it says that every answer is on its way */
}

/* Network threads have stopped reading. `answers` sends what is there, as above; `join_workers` joins those that run
 * serve() above. */
static int32_t shut_down(struct server *s, struct network *n, void (*answers)(void),
                         void (*join_workers)(void), uint32_t owner)
{
    ho_outstanding out;
    ho_init(HO_TYPE_OUTSTANDING, &out, sizeof out);
    ho_producer_close(n->to_game);
    while (ho_service_close(s->game, 0, NULL) == HO_TIMEOUT) { /* workers finish what is there */
        ho_wait(n->answers, 1000000);
        answers(); /* or the lanes are full, and workers wait in vain */
    }
    answers();                /* the last ones */
    join_workers();           /* each has closed its ends, see close_worker */
    ho_shard_close(n->shard); /* after every producer over it */
    close(n->room_fd);
    ho_consumer_close(n->answers);
    ho_domain_close(s->domain, 0, NULL);
    while (ho_owner_drain(s->domain, owner, 64, NULL) == HO_OK)
        continue; /* what is queued is out until it is drained */
    int32_t status = ho_domain_close(s->domain, 5000000000, &out);
    if (status == HO_OK)
        status = ho_domain_destroy(s->domain, &out);
    return status; /* HO_TIMEOUT: `out` tells what somebody still holds */
}
/* snippet end */

#endif
