/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* A connection keeps one loan, and the arena must hold one for each connection. Small loans stay in
 * the caches. */
#define ROOM_LEAST 2048u
#define ROOM_MOST 65536u /* except for a single frame that is larger */
/* With less room than this, the next read gets a new loan. */
#define READ_LEAST 1024u
#define PARTS_MOST 64u
#define WITHOUT_WAITING (MSG_DONTWAIT | MSG_NOSIGNAL)

static uint64_t larger_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Level-triggered. A paused connection is not read: the kernel's buffer fills, and TCP slows the
 * peer down. */
static void watch(struct network *n, struct connection *c)
{
    uint32_t events =
        (c->paused || c->ended ? 0 : EPOLLIN) | (c->unsent_count ? (uint32_t)EPOLLOUT : 0);
    struct epoll_event want = {.events = events, .data.u64 = c->id};
    if (events != c->watched && epoll_ctl(n->set, EPOLL_CTL_MOD, c->fd, &want) == 0)
        c->watched = events;
}

void connection_open(struct network *n, int fd)
{
    uint32_t place = 0;
    struct connection *c = calloc(1, sizeof *c);
    struct epoll_event want = {.events = 0};
    int yes = 1;
    while (place < CONNECTIONS_MOST && n->all[place])
        place++;
    if (place < CONNECTIONS_MOST)
        want.data.u64 = place | (uint64_t)n->uses[place] << 32;
    if (!c || place == CONNECTIONS_MOST || epoll_ctl(n->set, EPOLL_CTL_ADD, fd, &want) != 0) {
        free(c);
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    c->fd = fd;
    c->room_bytes = ROOM_LEAST;
    c->id = want.data.u64;
    n->all[place] = c;
    n->open++;
    connection_go_on(n, c);
}

struct connection *connection_find(const struct network *n, uint64_t id)
{
    uint64_t place = id & UINT32_MAX;
    struct connection *c = place < CONNECTIONS_MOST ? n->all[place] : NULL;
    return c && c->id == id ? c : NULL;
}

/* Gets a new room, and moves what is left in this one. */
static int32_t next_room(struct network *n, struct connection *c, uint64_t bytes)
{
    ho_buf room;
    if (!c->have && c->room.kind == HO_KIND_LOAN) /* it may be what we wait for */
        ho_abort(n->shard, &c->room, 1, NULL);
    int32_t status = ho_reserve(n->shard, larger_of(bytes, c->room_bytes), NULL, &room);
    if (status)
        return status;
    if (c->have)
        memcpy(room.ptr, c->room.ptr, c->have);
    if (c->room.kind == HO_KIND_LOAN)
        ho_abort(n->shard, &c->room, 1, NULL);
    c->room = room;
    return HO_OK;
}

static int32_t send_waiting(struct network *n, struct connection *c)
{
    if (c->waiting.kind != HO_KIND_LOAN)
        return HO_OK;
    int32_t status = ho_commit(n->requests, &c->waiting, 1, HO_MORE, NULL);
    c->owed += status == HO_OK;
    return status;
}

/* Hands over all complete frames as one message without copying, and makes room for the next.
 * HO_FULL: nothing is lost, call it again. HO_E_RANGE: a frame is larger than any loan can be. */
static int32_t send_frames(struct network *n, struct connection *c)
{
    int32_t status = send_waiting(n, c);
    uint64_t whole;
    while (!status && (whole = whole_frames(c->room.ptr, c->have))) {
        status = ho_split(n->shard, &c->room, whole, &c->waiting);
        if (status == HO_FULL) { /* the segment is out of numbers */
            status = next_room(n, c, c->have);
            continue;
        }
        if (status)
            break;
        c->have -= whole;
        c->waiting.key = c->waiting.value = c->id;
        status = send_waiting(n, c);
    }
    uint64_t need = larger_of(frame_bytes(c->room.ptr, c->have), c->have + READ_LEAST);
    return !status && c->room.cap < need ? next_room(n, c, need) : status;
}

static void say(const char *what, int32_t status)
{
    const char *name, *text;
    ho_strerror(status, &name, &text);
    printf("%s: %s: %s\n", what, name, text);
    fflush(stdout);
}

void connection_go_on(struct network *n, struct connection *c)
{
    int32_t status = send_frames(n, c);
    c->paused = status == HO_FULL;
    if (c->paused && n->pauses++ == 0)
        say("first pause", status);
    if (status == HO_OK || status == HO_FULL) {
        watch(n, c);
        connection_finish(n, c); /* a stop may have waited for this */
        return;
    }
    say("closing a connection", status);
    connection_drop(n, c);
}

void connection_read(struct network *n, struct connection *c)
{
    ssize_t got = recv(c->fd, c->room.ptr + c->have, c->room.cap - c->have, MSG_DONTWAIT);
    if (got > 0 && !n->stopping) { /* else what comes is discarded */
        c->have += (uint64_t)got;
        if (c->have == c->room.cap && c->room_bytes < ROOM_MOST) /* there was more */
            c->room_bytes *= 2;
        connection_go_on(n, c);
    } else if (got == 0) {
        c->ended = true;
        connection_finish(n, c);
    } else if (got < 0 && errno != EAGAIN && errno != EINTR) {
        connection_drop(n, c);
    }
}

/* Sends many buffers with one system call; adjacent ones, such as frames of one read, become one
 * part. Returns how many the kernel took completely; the taken part of the next is cut off. */
static uint32_t write_some(int fd, ho_buf *bufs, uint32_t count)
{
    struct iovec parts[PARTS_MOST], *last = NULL;
    struct msghdr all = {.msg_iov = parts};
    uint32_t done = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (last && (uint8_t *)last->iov_base + last->iov_len == bufs[i].ptr) {
            last->iov_len += bufs[i].len;
            continue;
        }
        if (all.msg_iovlen == PARTS_MOST)
            break;
        last = &parts[all.msg_iovlen++];
        *last = (struct iovec){bufs[i].ptr, bufs[i].len};
    }
    /* One part is the usual case, and send() costs less. */
    ssize_t sent = all.msg_iovlen == 1 ? send(fd, parts->iov_base, parts->iov_len, WITHOUT_WAITING)
                                       : sendmsg(fd, &all, WITHOUT_WAITING);
    for (; done < count && sent >= (ssize_t)bufs[done].len; done++)
        sent -= (ssize_t)bufs[done].len;
    if (sent > 0) {
        bufs[done].ptr += sent;
        bufs[done].len -= (uint64_t)sent;
        bufs[done].cap -= (uint64_t)sent;
    }
    return done;
}

static bool keep(struct connection *c, ho_buf *answers, uint32_t count)
{
    if (c->unsent_count + count > c->unsent_most) {
        uint32_t most = 2 * (c->unsent_count + count);
        ho_buf *larger = realloc(c->unsent, most * sizeof *larger);
        if (!larger)
            return false;
        c->unsent = larger;
        c->unsent_most = most;
    }
    memcpy(c->unsent + c->unsent_count, answers, count * sizeof *answers);
    memset(answers, 0, count * sizeof *answers); /* they are ours now */
    c->unsent_count += count;
    return true;
}

void connection_send(struct network *n, struct connection *c, ho_buf *answers, uint32_t count)
{
    uint32_t done = c->unsent_count ? 0 : write_some(c->fd, answers, count);
    c->owed -= count;
    if (done < count && !keep(c, answers + done, count - done)) {
        connection_drop(n, c);
        return;
    }
    watch(n, c);
    connection_finish(n, c);
}

void connection_write(struct network *n, struct connection *c)
{
    uint32_t done = write_some(c->fd, c->unsent, c->unsent_count);
    ho_return(n->domain, c->unsent, done, NULL);
    c->unsent_count -= done;
    memmove(c->unsent, c->unsent + done, c->unsent_count * sizeof *c->unsent);
    watch(n, c);
    connection_finish(n, c);
}

void connection_finish(struct network *n, struct connection *c)
{
    if (c->paused || c->owed || c->unsent_count)
        watch(n, c);
    else if (c->ended)
        connection_drop(n, c);
    else if (n->stopping) /* and keep reading: closing with unread input would lose answers */
        shutdown(c->fd, SHUT_WR);
}

void connection_drop(struct network *n, struct connection *c)
{
    uint32_t place = (uint32_t)c->id;
    if (c->room.kind == HO_KIND_LOAN)
        ho_abort(n->shard, &c->room, 1, NULL);
    if (c->waiting.kind == HO_KIND_LOAN)
        ho_abort(n->shard, &c->waiting, 1, NULL);
    ho_return(n->domain, c->unsent, c->unsent_count, NULL);
    close(c->fd); /* also removes it from the epoll set */
    free(c->unsent);
    free(c);
    n->all[place] = NULL;
    n->uses[place]++;
    n->open--;
    if (n->deaf && !n->stopping)
        network_listen(n, true);
}
