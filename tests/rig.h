/* SPDX-License-Identifier: MIT */
/* Shared by the core's tests: a domain with one arena and one service, their ends; helpers to send
 * and take; and the check that a refused call has changed nothing. Public ABI only. */
#ifndef HANDOFF_TESTS_RIG_H
#define HANDOFF_TESTS_RIG_H

#include <string.h>

#include "harness.h"

#include "handoff/handoff.h"

#define RIG_SEGMENT 65536u         /* segment_bytes of a rig's domain */
#define RIG_BUDGET (1024u * 1024u) /* budget_bytes unless the options say otherwise */

/* Option structs with their size set: SERVICE_OPTS(.lane_slots = 2). */
#define DOMAIN_OPTS(...) (&(ho_domain_opts){.size = sizeof(ho_domain_opts), __VA_ARGS__})
#define ARENA_OPTS(...) (&(ho_arena_opts){.size = sizeof(ho_arena_opts), __VA_ARGS__})
#define SERVICE_OPTS(...) (&(ho_service_opts){.size = sizeof(ho_service_opts), __VA_ARGS__})
#define CONSUMER_OPTS(...) (&(ho_consumer_opts){.size = sizeof(ho_consumer_opts), __VA_ARGS__})
#define RESERVE_OPTS(...) (&(ho_reserve_opts){.size = sizeof(ho_reserve_opts), __VA_ARGS__})
#define POOL_OPTS(...) (&(ho_pool_opts){.size = sizeof(ho_pool_opts), __VA_ARGS__})
#define OWNER_OPTS(...) (&(ho_owner_opts){.size = sizeof(ho_owner_opts), __VA_ARGS__})

typedef struct rig {
    ho_domain *domain;
    ho_arena *arena;
    ho_shard *shard;
    ho_service *service;
    ho_producer *producer;
    ho_consumer *consumer;
} rig;

/* Opens all six; the arena has RIG_BUDGET. */
void rig_open(rig *r, const ho_service_opts *opts);
/* The same with other arena options; zero budget means RIG_BUDGET. */
void rig_open_in(rig *r, const ho_arena_opts *arena, const ho_service_opts *opts);
/* Closes everything that is not NULL, then closes the domain, which must have nothing outstanding,
 * and destroys it. */
void rig_close(rig *r);

ho_domain *rig_domain(void);
ho_service *rig_service(ho_domain *domain, const ho_service_opts *opts);
ho_arena *rig_arena(ho_domain *domain, const ho_arena_opts *opts);
ho_shard *rig_shard(ho_arena *arena);
ho_producer *rig_producer(ho_service *service, ho_shard *shard);
ho_consumer *rig_consumer(ho_service *service);
ho_consumer *rig_consumer_of(ho_service *service, uint32_t partition); /* bound to it */
ho_pool *rig_pool(ho_arena *arena, const ho_pool_opts *opts);
ho_pool_stats rig_pool_stats(ho_pool *pool);
void rig_destroy(ho_domain *domain); /* closes it without waiting, and destroys it */

/* A loan of len bytes, filled with a pattern of the key, ready to commit. */
ho_buf rig_loan(ho_shard *shard, uint64_t key, uint64_t len);
/* Commits one such loan, by key. */
void rig_send(ho_shard *shard, ho_producer *producer, uint64_t key, uint64_t len);
/* Copies one message with ho_give_copy; checks that it borrows the descriptor and counts the
 * copy. */
int32_t rig_copy(ho_producer *producer, const void *ptr, uint64_t len, uint64_t key,
                 uint32_t flags);
/* Takes exactly one buffer and checks the pattern of its key. */
ho_buf rig_take(ho_consumer *consumer);
void rig_check_pattern(const ho_buf *buf);
void rig_return(ho_domain *domain, ho_buf *buf);
/* Takes and returns until nothing is left; returns how many there were. */
uint64_t rig_drain(rig *r);
uint64_t rig_drain_consumer(ho_domain *domain, ho_consumer *consumer);

ho_service_stats rig_stats(ho_service *service);
ho_arena_stats rig_arena_stats(ho_arena *arena);
ho_outstanding rig_outstanding(ho_domain *domain); /* starts to close the domain */
void rig_check_quiet(const rig *r);                /* nothing outstanding, nothing undelivered */

/* An owner that counts what comes back. */
typedef struct rig_owner {
    uint32_t owner;
    uint32_t releases;
    uint32_t cancelled;
    ho_release_rec last;
} rig_owner;

void rig_owner_register(ho_domain *domain, uint32_t mode, rig_owner *into);
void rig_count_release(void *ctx, const ho_release_rec *recs, uint32_t count);
/* A foreign buffer of this owner, ready to give; its token is in the handle. */
ho_buf rig_foreign(uint32_t owner, void *ptr, uint64_t len, uint64_t token);

#define CHECK_EMPTY(buf) CHECK(rig_is_empty(buf))
int rig_is_empty(const ho_buf *buf);

/* The call returns the status, and neither these descriptors nor the counters of the arena and of
 * the service change. After HO_FULL one of the `full` counters must grow. */
#define CHECK_REFUSED(rig, bufs, count, call, status)                                              \
    do {                                                                                           \
        rig_mark mark_;                                                                            \
        rig_mark_take(&mark_, rig, bufs, count);                                                   \
        CHECK_STATUS(call, status);                                                                \
        rig_mark_check(&mark_, (status) == HO_FULL, __FILE__, __LINE__);                           \
    } while (0)

#define RIG_MARK_MAX 64u

typedef struct rig_mark {
    const rig *rig;
    const ho_buf *bufs;
    uint32_t count;
    ho_arena_stats memory;
    ho_service_stats messages;
    ho_buf copy[RIG_MARK_MAX];
} rig_mark;

void rig_mark_take(rig_mark *mark, const rig *r, const ho_buf *bufs, uint32_t count);
void rig_mark_check(const rig_mark *mark, int full, const char *file, int line);

/* Option structs: every size and every field that must be refused or accepted. `call` makes the
 * call under test, and undoes it if it succeeds. */
typedef struct rig_opts_case {
    const void *valid; /* an accepted struct of `size` bytes */
    uint32_t size;
    uint32_t min;
    int32_t (*call)(void *ctx, const void *opts);
    void *ctx;
    uint32_t flags_at;    /* offset of flags, 0 if it has none */
    uint32_t reserved_at; /* offset of the reserved field, 0 if it has none */
} rig_opts_case;

void rig_check_opts(const rig_opts_case *c);

/* `bytes` bytes that end at an unreadable page. */
typedef struct rig_edge {
    uint8_t *ptr;
    uint8_t *map;
    size_t map_bytes;
} rig_edge;

void rig_edge_open(rig_edge *edge, size_t bytes);
void rig_edge_close(rig_edge *edge);

/* Seconds that a long test may run: `quick` unless HANDOFF_SOAK_SECONDS says otherwise. */
double rig_soak_seconds(double quick);

/* A small pseudo-random generator: the same seed gives the same run. */
uint64_t rig_random(uint64_t *state);

#endif
