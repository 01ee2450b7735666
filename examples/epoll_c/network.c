/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "network.h"

#include "connection.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MOST 64
#define QUIET_MS 5000

/* epoll tags that are not connections. Connection ids are larger. */
enum { LISTENER, SIGNALS, ANSWERS, ROOM, OTHERS };
static uint64_t tag(uint64_t which)
{
    return UINT64_MAX - which;
}

static void watch(struct network *n, int call, int fd, uint64_t which)
{
    struct epoll_event want = {.events = EPOLLIN, .data.u64 = tag(which)};
    must_system(epoll_ctl(n->set, call, fd, &want), "epoll_ctl");
}

void network_listen(struct network *n, bool on)
{
    watch(n, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, n->listener, LISTENER);
    n->deaf = !on;
}

static void accept_all(struct network *n)
{
    while (n->open < CONNECTIONS_MOST) {
        int fd = accept4(n->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            connection_open(n, fd);
        else if (errno == EAGAIN)
            return;
        else if (errno != ECONNABORTED && errno != EINTR)
            break;
    }
    if (n->open)
        network_listen(n, false); /* until a connection ends */
}

/* Sends what has been collected: one call per run of answers to one connection. */
static void send_out(struct network *n)
{
    ho_buf *out = n->out;
    for (uint32_t begin = 0, end = 0; begin < n->out_count; begin = end) {
        uint64_t id = out[begin].value;
        while (end < n->out_count && out[end].value == id)
            end++;
        struct connection *c = connection_find(n, id);
        if (c)
            connection_send(n, c, out + begin, end - begin);
    }
    /* Skips those that must wait for the socket. */
    ho_return(n->domain, out, n->out_count, NULL);
    n->out_count = 0;
}

/* Makes room for a batch. What is collected is sent in the order in which it came. */
static ho_buf *room_in_out(struct network *n)
{
    if (n->out_count + BATCH > OUT_MOST)
        send_out(n);
    return n->out + n->out_count;
}

/* Collects the worker's answers. */
static void take_answers(struct network *n)
{
    uint32_t count;
    while (ho_take(n->answers, room_in_out(n), BATCH, &count) ==
           HO_OK) /* HO_EMPTY arms answers_fd */
        n->out_count += count;
}

void network_send_answers(struct network *n)
{
    take_answers(n);
    send_out(n);
}

/* This thread works on what it has just sent, as long as that is light; the worker is woken only
 * for what this leaves. The library measures the time from take to take, so sending comes
 * afterwards. These answers don't go through egress. */
static void help(struct network *n)
{
    ho_buf messages[BATCH];
    uint32_t count;
    ho_flush(n->requests);
    while (ho_take(n->own, messages, BATCH, &count) == HO_OK) {
        take_answers(n); /* older answers of the same connections go first */
        work_on(n->worlds, messages, count);
        memcpy(room_in_out(n), messages, count * sizeof *messages);
        n->out_count += count;
    }
    send_out(n);
}

/* There is memory again, or room in a lane. Connections that still get none pause again, which arms
 * room_fd again. */
static void resume(struct network *n)
{
    uint64_t fired;
    if (read(n->room_fd, &fired, sizeof fired) <= 0)
        return;
    uint32_t first = n->turn++; /* starts with a different one each time */
    for (uint32_t i = 0; i < CONNECTIONS_MOST; i++) {
        struct connection *c = n->all[(first + i) % CONNECTIONS_MOST];
        if (c && c->paused) {
            connection_go_on(n, c);
            help(n);
        }
    }
}

static void for_all(struct network *n, void (*call)(struct network *n, struct connection *c))
{
    for (uint32_t i = 0; i < CONNECTIONS_MOST; i++)
        if (n->all[i])
            call(n, n->all[i]);
}

static void stop(struct network *n)
{
    n->stopping = true;
    close(n->listener);
    watch(n, EPOLL_CTL_DEL, n->signals, SIGNALS);
    for_all(n, connection_finish);
}

static void connection_ready(struct network *n, uint64_t id, uint32_t events)
{
    struct connection *c = connection_find(n, id);
    if (c && events & (EPOLLERR | EPOLLHUP)) {
        connection_drop(n, c);
        return;
    }
    if (c && events & EPOLLOUT)
        connection_write(n, c);
    c = connection_find(n, id); /* that may have ended it */
    if (c && events & EPOLLIN)
        connection_read(n, c);
}

static void ready(struct network *n, uint64_t what, uint32_t events)
{
    if (what <= tag(OTHERS))
        connection_ready(n, what, events);
    else if (what == tag(LISTENER) && !n->stopping)
        accept_all(n);
    else if (what == tag(SIGNALS))
        stop(n);
    else if (what == tag(ANSWERS))
        network_send_answers(n);
    else if (what == tag(ROOM))
        resume(n);
}

void network_run(struct network *n)
{
    struct epoll_event events[EVENTS_MOST];
    n->set = epoll_create1(EPOLL_CLOEXEC);
    must_system(n->set, "epoll_create1");
    network_listen(n, true);
    watch(n, EPOLL_CTL_ADD, n->signals, SIGNALS);
    watch(n, EPOLL_CTL_ADD, n->answers_fd, ANSWERS);
    watch(n, EPOLL_CTL_ADD, n->room_fd, ROOM);
    network_send_answers(n); /* arms answers_fd */
    while (!n->stopping || n->open) {
        int count = epoll_wait(n->set, events, EVENTS_MOST, n->stopping ? QUIET_MS : -1);
        for (int i = 0; i < count; i++)
            ready(n, events[i].data.u64, events[i].events);
        help(n); /* once for all that were read */
        if (count == 0)
            for_all(n, connection_drop); /* they don't take their answers, or don't end */
    }
    close(n->set);
}
