/* SPDX-License-Identifier: MIT */
/* An echo server on epoll, in plain C: one network thread, which handles light messages itself, and
 * one worker for the rest. It receives straight into loans, and sends answers from the same memory.
 * On SIGINT or SIGTERM it answers everything received so far, then stops.
 *
 * usage: epoll_c [port N] [memory KIB] [lane_slots N] [plain 0|1]
 *   memory      memory that sockets may receive into, default 65536
 *   lane_slots  messages that a partition can hold, default 256
 *   plain       1: without handoff, for comparison */
#define _GNU_SOURCE
#include "network.h"
#include "plain.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

static struct world worlds[PARTITIONS];
static struct network network;

void must(int32_t status, const char *what)
{
    const char *name, *text;
    if (status == HO_OK)
        return;
    ho_strerror(status, &name, &text);
    fprintf(stderr, "epoll_c: %s: %s: %s\n", what, name, text);
    exit(1);
}

void must_system(int result, const char *what)
{
    if (result >= 0)
        return;
    fprintf(stderr, "epoll_c: ");
    perror(what);
    exit(1);
}

int open_listener(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof at;
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must_system(fd, "socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    must_system(bind(fd, (struct sockaddr *)&at, sizeof at), "bind");
    must_system(listen(fd, SOMAXCONN), "listen");
    must_system(getsockname(fd, (struct sockaddr *)&at, &size), "getsockname");
    printf("listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

int open_signals(void)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop, NULL);
    int fd = signalfd(-1, &stop, SFD_CLOEXEC);
    must_system(fd, "signalfd");
    return fd;
}

static void open_network(struct network *n, ho_arena *received, ho_service *service,
                         ho_service *egress)
{
    must(ho_shard_open(received, &n->shard), "shard");
    must(ho_shard_fd(n->shard, &n->room_fd), "descriptor"); /* before it has producers */
    must(ho_producer_open(service, n->shard, &n->requests), "producer");
    must(ho_consumer_open(service, NULL, &n->own), "consumer");
    must(ho_consumer_help(n->own, n->requests, 0), "helping");
    must(ho_consumer_open(egress, NULL, &n->answers), "consumer");
    must(ho_consumer_fd(n->answers, &n->answers_fd), "descriptor");
}

static void open_worker(struct worker *w, ho_arena *answered, ho_service *service,
                        ho_service *egress)
{
    must(ho_shard_open(answered, &w->shard), "a worker's shard");
    must(ho_producer_open(egress, w->shard, &w->answers), "a worker's producer");
    must(ho_consumer_open(service, NULL, &w->requests), "a worker's consumer");
}

/* No more messages will be sent. The worker takes what is left, so its answers must be taken until
 * it has ended. */
static void close_all(struct network *n, ho_service *service, pthread_t worker)
{
    ho_consumer_close(n->own);
    ho_producer_close(n->requests);
    while (ho_service_close(service, 0, NULL) ==
           HO_TIMEOUT) { /* until the worker has closed its ends */
        ho_wait(n->answers, 1000000);
        network_send_answers(n);
    }
    pthread_join(worker, NULL);
    ho_shard_close(n->shard);
    ho_consumer_close(n->answers);
    close(n->room_fd);
    close(n->answers_fd);
}

static void run(struct network *n, uint64_t memory_kib, uint32_t lane_slots)
{
    ho_arena *received, *answered;
    ho_service *service, *egress;
    ho_arena_opts memory;
    ho_service_opts shared, wait;
    struct worker w = {.worlds = worlds};
    pthread_t worker;
    ho_init(HO_TYPE_ARENA_OPTS, &memory, sizeof memory);
    memory.budget_bytes = memory_kib << 10;
    ho_init(HO_TYPE_SERVICE_OPTS, &shared, sizeof shared);
    shared.partitions = PARTITIONS; /* either the worker or the network thread has a partition */
    shared.lane_slots = lane_slots;
    ho_init(HO_TYPE_SERVICE_OPTS, &wait, sizeof wait);
    wait.policy = HO_POLICY_WAIT; /* the worker waits for the network thread, never the reverse */
    wait.wait_ns = 1000000000;

    must(ho_domain_create(NULL, &n->domain), "domain");
    must(ho_arena_open(n->domain, &memory, &received), "arena");
    must(ho_arena_open(n->domain, NULL, &answered), "arena");
    must(ho_service_open(n->domain, &shared, &service), "service");
    must(ho_service_open(n->domain, &wait, &egress), "egress");
    w.domain = n->domain;
    open_network(n, received, service, egress);
    open_worker(&w, answered, service, egress);
    must_system(-pthread_create(&worker, NULL, serve, &w), "pthread_create");

    network_run(n);
    close_all(n, service, worker);
    printf("paused %" PRIu64 " times\n", n->pauses);
    must(ho_domain_close(n->domain, 5000000000, NULL),
         "closing"); /* HO_TIMEOUT: something is outstanding */
    must(ho_domain_destroy(n->domain, NULL), "closing");
}

int main(int argc, char **argv)
{
    unsigned long port = 0, memory_kib = 65536, lane_slots = 256, plain = 0;
    for (int i = 1; i < argc; i += 2) {
        unsigned long *to = strcmp(argv[i], "port") == 0         ? &port
                            : strcmp(argv[i], "memory") == 0     ? &memory_kib
                            : strcmp(argv[i], "lane_slots") == 0 ? &lane_slots
                            : strcmp(argv[i], "plain") == 0      ? &plain
                                                                 : NULL;
        if (!to || i + 1 == argc) {
            fprintf(stderr, "usage: epoll_c [port N] [memory KIB] [lane_slots N] [plain 0|1]\n");
            return 2;
        }
        *to = strtoul(argv[i + 1], NULL, 10);
    }
    network.signals = open_signals();
    network.listener = open_listener((uint16_t)port);
    network.worlds = worlds;
    if (plain)
        run_plain(network.listener, network.signals, worlds);
    else
        run(&network, memory_kib, (uint32_t)lane_slots);
    close(network.signals);
    uint64_t frames = 0;
    for (uint32_t i = 0; i < PARTITIONS; i++)
        frames += worlds[i].frames;
    printf("worked on %" PRIu64 " frames\n", frames);
    return 0;
}
