/* SPDX-License-Identifier: MIT */
/*
 * A program that does the same every time, on one thread, for a counter of instructions: an object is acquired, resolved and
 * released, or BATCH of them are acquired and released at once, until there were OBJECTS. With "alloc", memory of any size: of
 * 64 bytes, freed and then allocated and freed with its size.
 * The counter (callgrind) has no restartable sequences, and without them pools take another way. So this program has an
 * area of its own that says: registered, on processor 0, never interrupted. That is true of one thread under callgrind, and of nothing else.
 * usage: bench-pool-calls BATCH OBJECTS, or bench-pool-calls alloc OBJECTS
 */
#include "ok.h"

#include <common/tool.h>

#include <stddef.h>
#include <string.h>

#define BATCH_MOST 64
#define BYTES 64

/* In the place of glibc's, which the library would ask (sys/rseq.h). */
#define IN_PLACE __attribute__((visibility("default")))
extern IN_PLACE const unsigned int __rseq_size;
extern IN_PLACE ptrdiff_t __rseq_offset;
const unsigned int __rseq_size = 32;
ptrdiff_t __rseq_offset;

static _Thread_local _Alignas(32) struct {
    uint32_t cpu_id_start, cpu_id;
    uint64_t rseq_cs, flags, unused;
} area;

static void one_batch(ho_pool *pool, uint32_t batch)
{
    static ho_obj objects[BATCH_MOST];
    uint32_t count;

    if (batch > 1) {
        ok(ho_pool_acquire_many(pool, objects, batch, &count));
        ok(ho_pool_release_many(pool, objects, batch, NULL));
        return;
    }
    void *ptr;
    ok(ho_pool_acquire(pool, objects));
    ok(ho_pool_resolve(pool, objects->handle, &ptr));
    ok(ho_pool_release(pool, objects));
}

static void play_pool(ho_arena *arena, uint32_t batch, uint64_t count)
{
    ho_pool *pool;
    ho_pool_opts opts;

    ok(ho_init(HO_TYPE_POOL_OPTS, &opts, sizeof opts));
    opts.slot_bytes = BYTES;
    ok(ho_pool_open(arena, &opts, &pool));
    for (uint64_t i = 0; i < count; i += batch)
        one_batch(pool, batch);
    ok(ho_pool_close(pool, NULL));
}

static void play_alloc(ho_arena *arena, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        void *ptr;
        ok(ho_alloc(arena, BYTES, 0, &ptr));
        ok(i % 2 ? ho_free_sized(arena, ptr, BYTES, 0) : ho_free(arena, ptr));
    }
}

int main(int argc, char **argv)
{
    ho_domain *domain;
    ho_arena *arena;
    uint64_t batch = 0, count = 0;
    const int alloc = argc == 3 && strcmp(argv[1], "alloc") == 0;

    tool_name("bench-pool-calls");
    if (argc != 3 || (!alloc && tool_number("BATCH", argv[1], 1, BATCH_MOST, &batch) != 0) ||
        tool_number("OBJECTS", argv[2], 1, 1u << 20, &count) != 0) {
        tool_error("what to do?: usage: bench-pool-calls BATCH OBJECTS, or alloc OBJECTS");
        return 2;
    }
    __rseq_offset = (char *)&area - (char *)__builtin_thread_pointer();
    ok(ho_domain_create(NULL, &domain));
    ok(ho_arena_open(domain, NULL, &arena));
    if (alloc)
        play_alloc(arena, count);
    else
        play_pool(arena, (uint32_t)batch, count);
    ok(ho_domain_close(domain, 0, NULL));
    ok(ho_domain_destroy(domain, NULL));
    return 0;
}
