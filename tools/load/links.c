/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* epoll_pwait2 */
#include "links.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "common/tool.h"
#include "links_private.h"

#define LAST_SOURCE (INADDR_LOOPBACK + 250) /* 127.0.0.251 */
#define LINKS_PER_SOURCE 8000               /* finding a free port is slow when most are taken */
#define SHARED_SOCKET_BYTES (4 << 20) /* a socket with one session needs no more than its default */
#define CONNECTS_PER_MS 8
#define CONNECT_SECONDS 10

static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

/* Whether the sockets must be spread over the local addresses of 127.0.0.0/8. */
static int chooses_source(const struct load_options *options)
{
    return options->target.is_loopback && options->target.at.ss_family == AF_INET;
}

static int bind_to(int fd, uint32_t source)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
    return bind(fd, (const struct sockaddr *)&local, sizeof local);
}

/* Connects from a free port; on the loopback, from `source`. Returns the socket, or -1 with
 * errno. */
static int connect_from(const struct load_options *options, uint32_t source)
{
    const struct tool_endpoint *target = &options->target;
    int tcp = options->transport == LOAD_TCP;
    int fd = socket(target->at.ss_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = CONNECT_SECONDS};

    if (fd < 0)
        return -1;
    if (tcp) { /* connect chooses the port, as it knows that only the pair must be unique */
        set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
        set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    }
    if ((!chooses_source(options) || bind_to(fd, source) == 0) &&
        connect(fd, (const struct sockaddr *)&target->at, target->len) == 0) {
        if (options->sessions_per_socket > 1)
            tool_socket_buffers(fd, SHARED_SOCKET_BYTES);
        return fd;
    }
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

static int open_link(const struct load_options *options, uint32_t *source)
{
    for (;;) {
        int fd = connect_from(options, *source);
        if (fd >= 0 || (errno != EADDRINUSE && errno != EADDRNOTAVAIL) || *source == LAST_SOURCE ||
            !chooses_source(options))
            return fd;
        ++*source; /* this address has no ports left */
    }
}

/* Edge-triggered: an answer costs one event and one receive, not two of each. */
static int watch(struct links *links, uint32_t link)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.u32 = link}};

    if (links->tcp)
        event.events |= EPOLLOUT;
    return epoll_ctl(links->epoll_fd, EPOLL_CTL_ADD, links->link[link].fd, &event);
}

static void pace(uint32_t opened)
{
    struct timespec pause = {.tv_nsec = 1000000};

    if (opened % CONNECTS_PER_MS == 0)
        nanosleep(&pause, NULL);
}

static void say_why(const struct load_options *options, uint32_t opened, uint32_t count, int reason)
{
    const char *advice = "check the limits of open files (ulimit -n) and ports "
                         "(net.ipv4.ip_local_port_range)";
    char at[TOOL_ADDRESS_BYTES];

    tool_address_text(options->target.host, options->target.port, at);
    switch (reason) {
    case ECONNREFUSED:
        tool_error("nobody listens on %s: start the gateway there, or correct --target", at);
        return;
    case EINPROGRESS: /* out of patience */
    case ETIMEDOUT: advice = "nothing answers there: check --target and the firewalls"; break;
    case ENETUNREACH:
    case EHOSTUNREACH: advice = "there is no route: check --target and the routing table"; break;
    }
    tool_error("socket %u of %u to %s: %s: %s", opened + 1, count, at, strerror(reason), advice);
}

static int open_all(struct links *links, const struct load_options *options)
{
    uint32_t source = INADDR_LOOPBACK;

    for (uint32_t i = 0; i < links->count; i++) {
        if (i > 0 && i % LINKS_PER_SOURCE == 0 && source < LAST_SOURCE)
            source++;
        links->link[i].fd = open_link(options, &source);
        if (links->link[i].fd < 0 || watch(links, i) != 0) {
            say_why(options, i, links->count, errno);
            return -1;
        }
        if (links->tcp)
            pace(i + 1);
    }
    return 0;
}

struct links *links_open(const struct load_options *options, uint32_t count, links_frame *on_frame,
                         void *context)
{
    struct links *links = calloc(1, sizeof *links);

    if (links == NULL)
        goto no_memory;
    links->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    links->tcp = options->transport == LOAD_TCP;
    links->on_frame = on_frame;
    links->context = context;
    links->link = calloc(count, sizeof *links->link);
    links->rest = calloc(links->tcp ? count : 1, sizeof *links->rest);
    if (links->link == NULL || links->rest == NULL || links->epoll_fd < 0)
        goto no_memory;
    links->count = count;
    for (uint32_t i = 0; i < count; i++)
        links->link[i].fd = -1;
    if (open_all(links, options) == 0)
        return links;
    links_close(links);
    return NULL;

no_memory:
    tool_error("no memory for %u sockets: ask for fewer sessions", count);
    links_close(links);
    return NULL;
}

void links_close(struct links *links)
{
    if (links == NULL)
        return;
    for (uint32_t i = 0; i < links->count; i++)
        if (links->link[i].fd >= 0)
            close(links->link[i].fd);
    if (links->epoll_fd >= 0)
        close(links->epoll_fd);
    free(links->link);
    free(links->rest);
    free(links);
}

int links_send(struct links *links, uint32_t link, uint8_t *frame, size_t len)
{
    if (links->link[link].fd < 0) {
        links->faults.gone++;
        return -1;
    }
    return links->tcp ? tcp_send(links, link, frame, len) : udp_send(links, link, frame, len);
}

int links_receive(struct links *links, uint64_t timeout_ns)
{
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000),
                               .tv_nsec = (long)(timeout_ns % 1000000000)};
    int ready = epoll_pwait2(links->epoll_fd, links->events, EVENTS_AT_ONCE, &timeout, NULL);

    for (int i = 0; i < ready; i++) {
        uint32_t link = links->events[i].data.u32;
        uint32_t events = links->events[i].events;
        if (!links->tcp) {
            udp_receive(links, link);
            continue;
        }
        if ((events & EPOLLOUT) != 0 && links->link[link].fd >= 0)
            tcp_writable(links, link);
        if ((events & ~(uint32_t)EPOLLOUT) != 0 && links->link[link].fd >= 0)
            tcp_receive(links, link);
    }
    return ready < 0 ? 0 : ready;
}

void links_sweep(struct links *links)
{
    while (links_receive(links, 0) > 0)
        continue;
    for (uint32_t i = 0; !links->tcp && i < links->count; i++) {
        links->link[i].waiting++; /* one that never comes: reads until it is empty */
        udp_receive(links, i);
    }
}

struct links_faults links_faults(const struct links *links)
{
    return links->faults;
}
