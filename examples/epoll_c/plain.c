/* SPDX-License-Identifier: MIT */
/* The same server without handoff, for comparison: it answers on the thread that receives. */
#define _GNU_SOURCE
#include "plain.h"

#include "connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_BYTES 16384u

struct peer {
    int fd;
    struct peer *next, **previous; /* all open ones */
    uint8_t in[IN_BYTES], *out;
    size_t have, out_begin, out_end, out_most;
};

static struct peer *all;

static void drop(struct peer *p)
{
    *p->previous = p->next;
    if (p->next)
        p->next->previous = p->previous;
    close(p->fd);
    free(p->out);
    free(p);
}

static void open_peer(int set, int fd)
{
    struct peer *p = calloc(1, sizeof *p);
    struct epoll_event want = {.events = EPOLLIN, .data.ptr = p};
    int yes = 1;
    if (!p || epoll_ctl(set, EPOLL_CTL_ADD, fd, &want) != 0) {
        free(p);
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    p->fd = fd;
    p->next = all;
    p->previous = &all;
    if (all)
        all->previous = &p->next;
    all = p;
}

/* Sends what the socket takes; the rest waits for EPOLLOUT. */
static bool send_out(int set, struct peer *p)
{
    bool waited = p->out_begin != 0;
    ssize_t sent =
        send(p->fd, p->out + p->out_begin, p->out_end - p->out_begin, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        return false;
    p->out_begin += sent > 0 ? (size_t)sent : 0;
    if (p->out_begin == p->out_end)
        p->out_begin = p->out_end = 0;
    struct epoll_event want = {.events = EPOLLIN, .data.ptr = p};
    if (p->out_end)
        want.events |= EPOLLOUT;
    return (!waited && !p->out_end) || epoll_ctl(set, EPOLL_CTL_MOD, p->fd, &want) == 0;
}

static bool append(struct peer *p, const ho_buf *answer)
{
    if (p->out_end + answer->len > p->out_most) {
        p->out_most = 2 * (p->out_end + answer->len);
        uint8_t *larger = realloc(p->out, p->out_most);
        if (!larger)
            return false;
        p->out = larger;
    }
    memcpy(p->out + p->out_end, answer->ptr, answer->len);
    p->out_end += answer->len;
    return true;
}

static bool answer_frames(struct peer *p, struct world *worlds)
{
    ho_buf message = {.ptr = p->in, .len = whole_frames(p->in, p->have)};
    work_on(worlds, &message, 1);
    if (!append(p, &message))
        return false;
    p->have -= message.len;
    memmove(p->in, p->in + message.len, p->have);
    return frame_bytes(p->in, p->have) <= IN_BYTES;
}

static bool ready(int set, struct peer *p, uint32_t events, struct world *worlds)
{
    if (events & EPOLLIN) {
        ssize_t got = recv(p->fd, p->in + p->have, IN_BYTES - p->have, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return false;
        p->have += got > 0 ? (size_t)got : 0;
        if (!answer_frames(p, worlds))
            return false;
    }
    return !(events & (EPOLLERR | EPOLLHUP)) && (!p->out_end || send_out(set, p));
}

void run_plain(int listener, int signals, struct world *worlds)
{
    struct epoll_event events[64], want = {.events = EPOLLIN, .data.ptr = &listener};
    int set = epoll_create1(EPOLL_CLOEXEC);
    must_system(set, "epoll_create1");
    must_system(epoll_ctl(set, EPOLL_CTL_ADD, listener, &want), "epoll_ctl");
    want.data.ptr = &signals;
    must_system(epoll_ctl(set, EPOLL_CTL_ADD, signals, &want), "epoll_ctl");
    for (bool on = true; on;) {
        int count = epoll_wait(set, events, 64, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &signals) {
                on = false;
            } else if (events[i].data.ptr == &listener) {
                int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (fd >= 0)
                    open_peer(set, fd);
            } else if (!ready(set, events[i].data.ptr, events[i].events, worlds)) {
                drop(events[i].data.ptr);
            }
        }
    }
    while (all)
        drop(all);
    close(set);
    close(listener);
}
