/* SPDX-License-Identifier: MIT */
/*
 * A processor's cache of free slots, reached by restartable sequences (rseq).
 *
 * The kernel knows where a thread's sequence begins and where it commits. A thread that is moved, preempted or
 * gets a signal in between goes on at the abort handler, which begins anew: so each sequence runs on one
 * processor, with nobody in between, without a locked operation. glibc registers every thread (2.35); the library uses its
 * area and writes nothing there but rseq_cs.
 *
 * Each sequence loads the pointer to the caches inside itself. So they can be taken away: swap the pointer, let
 * the kernel restart whoever is inside (hoi_os_restart_sequences), and the old ones are nobody's.
 *
 * rseq_cs goes on naming the last sequence, and the kernel reads what it names: the code must not be unloaded. The shared
 * library never is (nodelete).
 *
 * A debugger can't step through a sequence: each step is a preemption.
 */
#ifndef HOI_PERCPU_H
#define HOI_PERCPU_H

#include "os.h"

/* ThreadSanitizer does not see what they do; other processors' sequences are still to be written and tested. */
#if defined(__SANITIZE_THREAD__)
#define HOI_PERCPU_RSEQ 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HOI_PERCPU_RSEQ 0
#endif
#endif
#if !defined(HOI_PERCPU_RSEQ) && defined(__x86_64__) && defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 35)
#define HOI_PERCPU_RSEQ 1
#endif
#endif
#ifndef HOI_PERCPU_RSEQ
#define HOI_PERCPU_RSEQ 0
#endif

#define HOI_PERCPU_SHIFT 10 /* 1 KiB a processor */
#define HOI_PERCPU_MOST 126u

struct hoi_percpu_cache {
    uint32_t count, pad;
    uint64_t handles[HOI_PERCPU_MOST + 1];
};
_Static_assert(sizeof(struct hoi_percpu_cache) == 1u << HOI_PERCPU_SHIFT, "a shift finds it");

/* The count of a cache that is neither empty nor has room: a sequence finds nothing to do, whichever it is. Two of them
 * lie before the first processor's: a thread that is not registered is on processor -1 or -2. */
#define HOI_PERCPU_NONE 0x80000000u
#define HOI_PERCPU_BEFORE 2u

struct hoi_percpu {
    struct hoi_percpu_cache *caches; /* one for each processor; changed by an exchange */
    int64_t rseq;                    /* the thread's area, from its thread pointer */
    uint32_t cpus;
    uint32_t limit; /* most handles in a cache */
};

/* So many caches are NONE from now on. */
static inline void hoi_percpu_refuse(struct hoi_percpu_cache *caches, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        caches[i].count = HOI_PERCPU_NONE;
}

/* Can sequences be used in this process? Fills in where a thread's rseq area is, if so. */
int hoi_percpu_usable(int64_t *rseq);
/* Where an area is that says: not registered. What uses no sequences looks there, and finds caches that refuse. */
int64_t hoi_percpu_nowhere(void);

#if HOI_PERCPU_RSEQ
/* The handle of an object that the kernel reads on preemption: version, flags, start, length, abort. What the abort handler
 * jumps to is the beginning: inputs are kept for that. fs:4 is the processor's number, fs:8 rseq_cs. */
#define PERCPU_ENTER                                                                               \
    ".pushsection __rseq_cs, \"aw\"\n"                                                             \
    ".balign 32\n"                                                                                 \
    "81:\n"                                                                                        \
    ".long 0, 0\n"                                                                                 \
    ".quad 82f, 83f - 82f, 84f\n"                                                                  \
    ".popsection\n"                                                                                \
    ".pushsection __rseq_failure, \"ax\"\n"                                                        \
    ".byte 0x0f, 0xb9, 0x3d\n" /* ud1 <sig>(%rip), %edi: never executed */                         \
    ".long 0x53053053\n"                                                                           \
    "84:\n"                                                                                        \
    "jmp 80f\n"                                                                                    \
    ".popsection\n"                                                                                \
    "80:\n"                                                                                        \
    "leaq 81b(%%rip), %[cache]\n"                                                                  \
    "movq %[cache], %%fs:8(%[rseq])\n"                                                             \
    "82:\n"                                                                                        \
    "movslq %%fs:4(%[rseq]), %[cache]\n"                                                           \
    "shlq $10, %[cache]\n"                                                                         \
    "addq %[caches], %[cache]\n"
#define PERCPU_COMMIT(count)                                                                       \
    "movl %k[" count "], (%[cache])\n"                                                             \
    "83:\n"
#define PERCPU_IN(p) [rseq] "r"((p)->rseq), [caches] "m"((p)->caches)

/* Takes the handle that came last, its upper half in *upper, too. 0 if there is none. */
static inline int hoi_percpu_pop(struct hoi_percpu *p, uint64_t *handle, uint32_t *upper)
{
    uint64_t h, n, cache;
    uint32_t u;
    __asm__ volatile goto(PERCPU_ENTER "movl (%[cache]), %k[n]\n"
                                       "subl $1, %k[n]\n"
                                       "jl %l[none]\n"
                                       "movq 8(%[cache], %[n], 8), %[h]\n"
                                       "movl 12(%[cache], %[n], 8), %[u]\n" PERCPU_COMMIT("n")
                          : [h] "=&r"(h), [u] "=&r"(u), [n] "=&r"(n), [cache] "=&r"(cache)
                          : PERCPU_IN(p)
                          : "memory", "cc"
                          : none);
    *handle = h;
    *upper = u;
    return 1;
none:
    return 0;
}

/* Adds a handle. 0 if the cache is full. */
static inline int hoi_percpu_push(struct hoi_percpu *p, uint64_t handle)
{
    uint64_t n, cache;
    __asm__ volatile goto(PERCPU_ENTER "movl (%[cache]), %k[n]\n"
                                       "cmpl %[limit], %k[n]\n"
                                       "jae %l[none]\n"
                                       "movq %[h], 8(%[cache], %[n], 8)\n"
                                       "addl $1, %k[n]\n" PERCPU_COMMIT("n")
                          : [n] "=&r"(n), [cache] "=&r"(cache)
                          : PERCPU_IN(p), [limit] "m"(p->limit), [h] "r"(handle)
                          : "memory", "cc"
                          : none);
    return 1;
none:
    return 0;
}

/* Takes up to `most` handles, the last ones. Gives how many. */
static inline uint32_t hoi_percpu_pop_many(struct hoi_percpu *p, uint64_t *handles, uint32_t most)
{
    uint64_t n, k, cache, to, from, left;
    __asm__ volatile goto(PERCPU_ENTER "movl (%[cache]), %k[n]\n"
                                       "movl %[most], %k[k]\n"
                                       "testl %k[n], %k[n]\n"
                                       "jle %l[none]\n"
                                       "cmpl %k[n], %k[k]\n"
                                       "cmoval %k[n], %k[k]\n"
                                       "subl %k[k], %k[n]\n"
                                       "leaq 8(%[cache], %[n], 8), %[from]\n"
                                       "movq %[handles], %[to]\n"
                                       "movl %k[k], %k[left]\n"
                                       "rep movsq\n" PERCPU_COMMIT("n")
                          : [n] "=&r"(n), [k] "=&r"(k), [cache] "=&r"(cache), [to] "=&D"(to),
                            [from] "=&S"(from), [left] "=&c"(left)
                          : PERCPU_IN(p), [most] "r"(most), [handles] "r"(handles)
                          : "memory", "cc"
                          : none);
    return (uint32_t)k;
none:
    return 0;
}

/* Adds all of `count` handles, or, if there is no room, none. Returns whether it did. */
static inline int hoi_percpu_push_many(struct hoi_percpu *p, const uint64_t *handles,
                                       uint32_t count)
{
    uint64_t n, cache, to, from, left;
    __asm__ volatile goto(
        PERCPU_ENTER "movl (%[cache]), %k[n]\n"
                     "leaq 8(%[cache], %[n], 8), %[to]\n"
                     "movl %[count], %k[left]\n"
                     "addl %k[left], %k[n]\n"
                     "cmpl %[limit], %k[n]\n"
                     "ja %l[none]\n"
                     "movq %[handles], %[from]\n"
                     "rep movsq\n" PERCPU_COMMIT("n")
        : [n] "=&r"(n), [cache] "=&r"(cache), [to] "=&D"(to), [from] "=&S"(from), [left] "=&c"(left)
        : PERCPU_IN(p), [limit] "m"(p->limit), [count] "r"(count), [handles] "r"(handles)
        : "memory", "cc"
        : none);
    return 1;
none:
    return 0;
}
#else
static inline int hoi_percpu_pop(struct hoi_percpu *p, uint64_t *handle, uint32_t *upper)
{
    (void)p, *handle = *upper = 0;
    return 0;
}
static inline int hoi_percpu_push(struct hoi_percpu *p, uint64_t handle)
{
    (void)p, (void)handle;
    return 0;
}
static inline uint32_t hoi_percpu_pop_many(struct hoi_percpu *p, uint64_t *handles, uint32_t most)
{
    (void)p, (void)handles, (void)most;
    return 0;
}
static inline int hoi_percpu_push_many(struct hoi_percpu *p, const uint64_t *handles,
                                       uint32_t count)
{
    (void)p, (void)handles, (void)count;
    return 0;
}
#endif

#endif
