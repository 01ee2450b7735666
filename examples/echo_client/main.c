/* SPDX-License-Identifier: MIT */
/* A client for the echo servers in this folder: sends numbered messages on many connections, verifies every byte of every
 * answer, and prints round trips per second. Exits 0 only if everything was answered correctly.
 *
 * TCP: a frame is a 4-byte little-endian length and the payload. UDP: a datagram is a payload. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define OUT_BYTES 65536u
#define IN_BYTES 65536u
#define PAYLOAD_MIN 12u /* the message's number and its connection's */
#define PAYLOAD_MAX 32768u
#define PATIENCE_MS 60000 /* without any answer: the rest is lost */

static struct {
    uint64_t connections, window, bytes, messages, ordered;
} with = {.connections = 1, .window = 1, .bytes = 64, .messages = 10000, .ordered = 0};
static bool tcp;

struct connection {
    int fd;
    uint32_t number;
    uint64_t sent, answered; /* messages; at most `window` of them are unanswered */
    uint8_t *heard;          /* one per message: it was answered */
    size_t out_begin, out_end, in_end;
    uint8_t out[OUT_BYTES], in[IN_BYTES];
};

static uint64_t wrong, overtaken;

static void fail(const char *what)
{
    fprintf(stderr, "echo_client: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Payload of message `number` on connection `from`. */
static void make_payload(uint8_t *at, uint32_t from, uint64_t number)
{
    memcpy(at, &number, sizeof number);
    memcpy(at + sizeof number, &from, sizeof from);
    for (uint64_t i = PAYLOAD_MIN; i < with.bytes; i++)
        at[i] = (uint8_t)(number * 7 + from * 13 + i);
}

/* A repeated or unexpected answer is wrong; on TCP a wrong length breaks the stream, so we stop. */
static void check_answer(struct connection *c, const uint8_t *payload, size_t bytes)
{
    uint8_t expected[PAYLOAD_MAX];
    uint64_t number = UINT64_MAX;
    if (bytes == with.bytes)
        memcpy(&number, payload, sizeof number);
    if (number < c->sent)
        make_payload(expected, c->number, number);
    if (number >= c->sent || c->heard[number] || memcmp(payload, expected, bytes) != 0) {
        wrong++;
        return;
    }
    overtaken += number != 0 && !c->heard[number - 1];
    c->heard[number] = 1;
    c->answered++;
}

static bool may_say_more(const struct connection *c)
{
    return c->sent < with.messages && c->sent - c->answered < with.window;
}

/* Sends as much as the window and the socket take. False: the socket is full. */
static bool say(struct connection *c)
{
    size_t header = tcp ? 4 : 0;
    for (;;) {
        if (c->out_begin == c->out_end)
            c->out_begin = c->out_end = 0;
        while (may_say_more(c) && c->out_end + header + with.bytes <= OUT_BYTES) {
            uint32_t length = (uint32_t)with.bytes;
            memcpy(c->out + c->out_end, &length, header);
            make_payload(c->out + c->out_end + header, c->number, c->sent++);
            c->out_end += header + with.bytes;
            if (!tcp)
                break;
        }
        if (c->out_begin == c->out_end)
            return true;
        ssize_t sent = send(c->fd, c->out + c->out_begin, c->out_end - c->out_begin, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            return false;
        if (sent < 0)
            fail("send");
        c->out_begin += (size_t)sent;
        if (tcp)
            return c->out_begin == c->out_end;
    }
}

static void hear_frames(struct connection *c)
{
    size_t at = 0;
    uint32_t length;
    while (c->in_end - at >= sizeof length) {
        memcpy(&length, c->in + at, sizeof length);
        if (length != with.bytes) {
            fprintf(stderr, "echo_client: an answer of %" PRIu32 " bytes\n", length);
            exit(1);
        }
        if (c->in_end - at < sizeof length + length)
            break;
        check_answer(c, c->in + at + sizeof length, length);
        at += sizeof length + length;
    }
    memmove(c->in, c->in + at, c->in_end - at);
    c->in_end -= at;
}

static void hear(struct connection *c)
{
    ssize_t got = recv(c->fd, c->in + c->in_end, IN_BYTES - c->in_end, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got < 0)
        fail("recv");
    if (got == 0 && tcp) {
        fprintf(stderr, "echo_client: the server closed a connection\n");
        exit(1);
    }
    if (!tcp) {
        check_answer(c, c->in, (size_t)got);
        return;
    }
    c->in_end += (size_t)got;
    hear_frames(c);
}

static struct connection *open_connection(uint16_t port, uint32_t number)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct connection *c = calloc(1, sizeof *c);
    int yes = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!c || !(c->heard = calloc(with.messages, 1)))
        fail("memory");
    c->number = number;
    c->fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
        fail("connect");
    if (tcp && setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0)
        fail("TCP_NODELAY");
    return c;
}

static void watch(int set, int call, struct connection *c, bool writing)
{
    struct epoll_event want = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(set, call, c->fd, &want) != 0)
        fail("epoll_ctl");
}

static void run(int set, struct connection **all)
{
    struct epoll_event ready[64];
    uint64_t left = with.connections;
    for (uint64_t i = 0; i < with.connections; i++)
        watch(set, EPOLL_CTL_ADD, all[i], !say(all[i]));
    while (left) {
        int count = epoll_wait(set, ready, 64, PATIENCE_MS);
        if (count == 0)
            return;
        for (int i = 0; i < count; i++) {
            struct connection *c = ready[i].data.ptr;
            bool was_writing = c->out_begin != c->out_end, before = c->answered == with.messages;
            hear(c);
            bool writing = !say(c);
            if (writing != was_writing)
                watch(set, EPOLL_CTL_MOD, c, writing);
            left -= !before && c->answered == with.messages;
        }
    }
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int usage(void)
{
    fprintf(stderr,
            "usage: echo_client tcp|udp PORT [connections N] [window N] [bytes N] [messages N] "
            "[ordered 0|1]\n"
            "  window    unanswered messages per connection, default 1\n"
            "  bytes     per message, 12 to 32768, default 64\n"
            "  messages  per connection, default 10000\n"
            "  ordered   1: answers out of order within a connection are errors\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"connections", "window", "bytes", "messages", "ordered"};
    uint64_t *const values[] = {&with.connections, &with.window, &with.bytes, &with.messages,
                                &with.ordered};
    if (argc < 3 || argc % 2 == 0 || (strcmp(argv[1], "tcp") != 0 && strcmp(argv[1], "udp") != 0))
        return usage();
    tcp = argv[1][0] == 't';
    for (int i = 3; i < argc; i += 2) {
        size_t n = 0;
        while (n < 5 && strcmp(argv[i], names[n]) != 0)
            n++;
        if (n == 5)
            return usage();
        *values[n] = strtoull(argv[i + 1], NULL, 10);
    }
    if (!with.connections || !with.window || with.bytes < PAYLOAD_MIN || with.bytes > PAYLOAD_MAX ||
        !with.messages)
        return usage();

    struct connection **all = calloc(with.connections, sizeof(struct connection *));
    int set = epoll_create1(0);
    if (!all || set < 0)
        fail("epoll");
    for (uint64_t i = 0; i < with.connections; i++)
        all[i] = open_connection((uint16_t)strtoul(argv[2], NULL, 10), (uint32_t)i);
    double begin = seconds_now();
    run(set, all);
    double took = seconds_now() - begin;

    uint64_t answered = 0;
    for (uint64_t i = 0; i < with.connections; i++) {
        answered += all[i]->answered;
        close(all[i]->fd);
        free(all[i]->heard);
        free(all[i]);
    }
    free(all);
    close(set);
    uint64_t lost = with.connections * with.messages - answered;
    printf("%" PRIu64 " answered, %" PRIu64 " lost, %" PRIu64 " wrong, %" PRIu64
           " overtaken: %.0f round trips per second\n",
           answered, lost, wrong, overtaken, (double)answered / took);
    return lost || wrong || (with.ordered && overtaken) ? 1 : 0;
}
