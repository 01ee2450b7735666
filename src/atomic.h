/* SPDX-License-Identifier: MIT */
/*
 * Atomics for C. The lock-free parts (the .inl files) use these names. The models under models/
 * define the same names over Relacy, so the source that ships is the source that is checked.
 * AT(site, order) names each site: a model weakens one site at a time.
 */
#ifndef HOI_ATOMIC_H
#define HOI_ATOMIC_H

#include <stdatomic.h>
#include <stdint.h>

#define AT(site, order) memory_order_##order
/* A step that a mutant of a model leaves out. */
#define DO_STEP(step) 1

#define A_TYPE(T) _Atomic(T)
#define A_LOAD(x, o) atomic_load_explicit(&(x), o)
#define A_STORE(x, v, o) atomic_store_explicit(&(x), v, o)
#define A_XCHG(x, v, o) atomic_exchange_explicit(&(x), v, o)
#define A_FADD(x, v, o) atomic_fetch_add_explicit(&(x), v, o)
#define A_FSUB(x, v, o) atomic_fetch_sub_explicit(&(x), v, o)
#define A_OR(x, v, o) atomic_fetch_or_explicit(&(x), v, o)
#define A_AND(x, v, o) atomic_fetch_and_explicit(&(x), v, o)
/* May fail spuriously; `e` is updated on failure. */
#define A_CAS(x, e, v, o, of) atomic_compare_exchange_weak_explicit(&(x), &(e), v, o, of)

/* One attempt; fails only if the value differs. */
#define A_CAS_ONCE(x, e, v, o, of) atomic_compare_exchange_strong_explicit(&(x), &(e), v, o, of)

/* Data that only one side touches at a time: plain here, checked for races in the models. */
#define P_TYPE(T) T
#define P_READ(x) (x)
#define P_WRITE(x, v) ((x) = (v))

/* Counters with one writer. They are atomic because any thread may read them; relaxed is enough
 * because no reader infers anything about other memory from them. */
#define HOI_COUNTER(T) _Atomic(T)
#define hoi_get(x) atomic_load_explicit(&(x), memory_order_relaxed)
#define hoi_set(x, v) atomic_store_explicit(&(x), v, memory_order_relaxed)
/* The single writer's own read: nobody else writes, so a plain read is no race, and the compiler
 * can fold it into another instruction. */
#define hoi_own(x) (*(__typeof__(+(x)) *)(uintptr_t) & (x))
#define hoi_bump(x, n) hoi_set(x, hoi_own(x) + (n)) /* the single writer */
#define hoi_count(x, n) (void)atomic_fetch_add_explicit(&(x), n, memory_order_relaxed) /* any */

/* Does it hold another value? Relaxed. In assembly because compilers don't fold an atomic load
 * into the comparison. */
#if defined(__x86_64__) && defined(__GCC_ASM_FLAG_OUTPUTS__) && !defined(__SANITIZE_THREAD__)
#define HOI_DIFFERS(x, v, differs)                                                                 \
    __asm__("cmp %2, %1" : "=@ccne"(differs) : "m"(*(x)), "r"(v) : "cc")
#else
#define HOI_DIFFERS(x, v, differs) ((differs) = hoi_get(*(x)) != (v))
#endif
static inline int hoi_differs32(const A_TYPE(uint32_t) * x, uint32_t v)
{
    int differs;
    HOI_DIFFERS(x, v, differs);
    return differs;
}
static inline int hoi_differs64(const A_TYPE(uint64_t) * x, uint64_t v)
{
    int differs;
    HOI_DIFFERS(x, v, differs);
    return differs;
}

/* The same for the lock-free parts: does it hold this value? */
#define A_IS_RELAXED(x, v, o) ((void)sizeof(o), !hoi_differs32(&(x), v))

/* x86-64 processors may fetch lines in pairs, so data written by two threads lies two lines
 * apart. The benchmark builds with 8 to show what that saves. HOI_APART stands before the first
 * field of a group. */
#ifndef HOI_LINE
#define HOI_LINE 128
#endif
#define HOI_APART _Alignas(HOI_LINE)

/* Prefetches a line that this thread will write. prefetchw is a no-op on x86-64 processors that
 * don't implement it, but compilers leave it out of their baseline. */
#ifdef __x86_64__
#define hoi_prefetch_write(at) __asm__ volatile("prefetchw %0" : : "m"(*(const char *)(at)))
#else
#define hoi_prefetch_write(at) __builtin_prefetch((const void *)(at), 1)
#endif

/* Hides the value of x from the optimiser. */
#define HOI_OPAQUE(x) __asm__("" : "+r"(x))

#define hoi_likely(x) __builtin_expect(!!(x), 1)
#define HOI_COLD __attribute__((noinline, cold)) /* off the usual path, out of its registers */
#define hoi_unlikely(x) __builtin_expect(!!(x), 0)

#endif
