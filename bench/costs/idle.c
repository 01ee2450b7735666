/* SPDX-License-Identifier: MIT */
/*
 * Two consumers that nothing is sent to, one in ho_wait and one in epoll_wait on its descriptor: how
 * often does each wake up, and how much processor time does it use? At the end both get a message, so
 * that it shows that they were waiting for one. Prints one JSON object.
 * usage: bench-idle SECONDS [EVERY_MS]     EVERY_MS: wait no longer than that at once
 */
#define _GNU_SOURCE
#include "ok.h"

#include <handoff/handoff.h>

#include <common/json.h>
#include <common/tool.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SETTLE_NS 50000000

static void must(int done, const char *what)
{
    if (done)
        return;
    tool_error("%s: run it again; if it stays, an idle consumer can't be measured here", what);
    exit(1);
}

struct sleeper {
    ho_domain *domain;
    ho_shard *shard;
    ho_service *service;
    ho_producer *producer;
    ho_consumer *consumer;
    int every_ms; /* -1: as long as it takes */
    pthread_t thread;
    atomic_int id; /* the kernel's, once it is about to wait */
};

/* Takes and returns the one message. */
static int got_it(const struct sleeper *s)
{
    ho_buf buf = {0};
    uint32_t count = 0;

    if (ho_take(s->consumer, &buf, 1, &count) != HO_OK)
        return 0;
    ok(ho_return(s->domain, &buf, 1, NULL));
    return 1;
}

static void *in_ho_wait(void *arg)
{
    struct sleeper *s = arg;

    atomic_store(&s->id, (int)syscall(SYS_gettid));
    while (!got_it(s))
        (void)ho_wait(s->consumer, s->every_ms < 0 ? -1 : s->every_ms * INT64_C(1000000));
    return NULL;
}

static void *in_epoll_wait(void *arg)
{
    struct sleeper *s = arg;
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC), fd = -1;

    ok(ho_consumer_fd(s->consumer, &fd));
    must(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "no epoll");
    atomic_store(&s->id, (int)syscall(SYS_gettid));
    while (!got_it(s))
        (void)epoll_wait(epoll, &event, 1, s->every_ms);
    close(epoll);
    close(fd);
    return NULL;
}

static void start(struct sleeper *s, ho_domain *domain, ho_arena *arena, int every_ms,
                  void *(*way)(void *))
{
    *s = (struct sleeper){.domain = domain, .every_ms = every_ms};
    ok(ho_service_open(domain, NULL, &s->service));
    ok(ho_shard_open(arena, &s->shard));
    ok(ho_producer_open(s->service, s->shard, &s->producer));
    ok(ho_consumer_open(s->service, NULL, &s->consumer));
    must(pthread_create(&s->thread, NULL, way, s) == 0, "no thread");
}

static void finish(struct sleeper *s)
{
    ho_buf loan = {0};

    ok(ho_reserve(s->shard, 64, NULL, &loan));
    loan.len = 64;
    ok(ho_commit(s->producer, &loan, 1, 0, NULL));
    must(pthread_join(s->thread, NULL) == 0, "no end");
    ok(ho_producer_close(s->producer));
    ok(ho_shard_close(s->shard));
    ok(ho_consumer_close(s->consumer));
}

struct use {
    uint64_t wakes, cpu_ns;
};

/* How often the thread left a sleep so far, and its processor time. */
static struct use use_of(const struct sleeper *s)
{
    char text[128];
    struct use use = {0};
    struct timespec cpu;
    clockid_t clock;
    int found = 0;

    snprintf(text, sizeof text, "/proc/self/task/%d/status", atomic_load(&s->id));
    FILE *status = fopen(text, "re");
    while (status && !found && fgets(text, sizeof text, status))
        found = sscanf(text, "voluntary_ctxt_switches: %lu", &use.wakes) == 1;
    if (status)
        fclose(status);
    must(found && pthread_getcpuclockid(s->thread, &clock) == 0 && clock_gettime(clock, &cpu) == 0,
         "no figures of a thread");
    use.cpu_ns = (uint64_t)cpu.tv_sec * 1000000000 + (uint64_t)cpu.tv_nsec;
    return use;
}

static void rest(uint64_t ns)
{
    struct timespec left = {.tv_sec = (time_t)(ns / 1000000000),
                            .tv_nsec = (long)(ns % 1000000000)};

    while (nanosleep(&left, &left) != 0)
        ;
}

int main(int argc, char **argv)
{
    static struct sleeper waiting, polling;
    ho_domain *domain;
    ho_arena *arena;
    uint64_t seconds = 0, every_ms = 0;

    tool_name("bench-idle");
    if (argc < 2 || argc > 3) {
        tool_error("for how long?: usage: bench-idle SECONDS [EVERY_MS]");
        return 2;
    }
    if (tool_number("SECONDS", argv[1], 1, 3600, &seconds) != 0 ||
        (argc == 3 && tool_number("EVERY_MS", argv[2], 1, 1000, &every_ms) != 0))
        return 2;
    ok(ho_domain_create(NULL, &domain));
    ok(ho_arena_open(domain, NULL, &arena));
    start(&waiting, domain, arena, every_ms ? (int)every_ms : -1, in_ho_wait);
    start(&polling, domain, arena, every_ms ? (int)every_ms : -1, in_epoll_wait);
    while (!atomic_load(&waiting.id) || !atomic_load(&polling.id))
        rest(SETTLE_NS);
    rest(SETTLE_NS);

    struct use wait_before = use_of(&waiting), poll_before = use_of(&polling);
    rest(seconds * 1000000000);
    struct use wait_after = use_of(&waiting), poll_after = use_of(&polling);

    finish(&waiting);
    finish(&polling);
    ok(ho_domain_close(domain, 0, NULL));
    ok(ho_domain_destroy(domain, NULL));
    struct json *json = json_new();
    json_count(json, "seconds", seconds);
    json_count(json, "wait_wakes", wait_after.wakes - wait_before.wakes);
    json_count(json, "wait_cpu_ns", wait_after.cpu_ns - wait_before.cpu_ns);
    json_count(json, "epoll_wakes", poll_after.wakes - poll_before.wakes);
    json_count(json, "epoll_cpu_ns", poll_after.cpu_ns - poll_before.cpu_ns);
    return json_write(json, "-") == 0 ? 0 : 1;
}
