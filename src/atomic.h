/* SPDX-License-Identifier: MIT */
/*
 * Atomics for C. The lock-free parts (the .inl files) are written over these names; the models under models/ give the same names to Relacy, so that one source is both shipped
 * and checked. AT(site, order) names each site: a model weakens one site at a time.
 */
#ifndef HOI_ATOMIC_H
#define HOI_ATOMIC_H

#include <stdatomic.h>
#include <stdint.h>

#define AT(site, order) memory_order_##order
/* A step that a model leaves out in a mutant. */
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

/* One try that fails only if another value is there. */
#define A_CAS_ONCE(x, e, v, o, of) atomic_compare_exchange_strong_explicit(&(x), &(e), v, o, of)

/* Data that one side at a time touches: plain here, checked for races in the models. */
#define P_TYPE(T) T
#define P_READ(x) (x)
#define P_WRITE(x, v) ((x) = (v))

/* Counters with one writer: others may read them at any time, so they are atomic; relaxed is enough
 * because nothing is inferred from one about other memory. */
#define HOI_COUNTER(T) _Atomic(T)
#define hoi_get(x) atomic_load_explicit(&(x), memory_order_relaxed)
#define hoi_set(x, v) atomic_store_explicit(&(x), v, memory_order_relaxed)
/* The one writer's own look at it: nobody else writes, so a plain read is no race, and may be part of another
 * instruction. */
#define hoi_own(x) (*(__typeof__(+(x)) *)(uintptr_t) & (x))
#define hoi_bump(x, n) hoi_set(x, hoi_own(x) + (n)) /* the one writer */
#define hoi_count(x, n) (void)atomic_fetch_add_explicit(&(x), n, memory_order_relaxed) /* any */

/* Is there another value? Relaxed; compilers keep an atomic load apart from its comparison. */
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

/* The same for the lock-free parts: is this value there? */
#define A_IS_RELAXED(x, v, o) ((void)sizeof(o), !hoi_differs32(&(x), v))

/* This processor fetches lines in pairs: what two threads write lies two lines apart. The benchmark
 * builds with 8 to show what that saves. HOI_APART stands before the first field of a new place. */
#ifndef HOI_LINE
#define HOI_LINE 128
#endif
#define HOI_APART _Alignas(HOI_LINE)

/* Asks for a line that this thread will write. x86-64 has the instruction from the start as one that does
 * nothing where it is not known; compilers leave it out of their baseline. */
#ifdef __x86_64__
#define hoi_prefetch_write(at) __asm__ volatile("prefetchw %0" : : "m"(*(const char *)(at)))
#else
#define hoi_prefetch_write(at) __builtin_prefetch((const void *)(at), 1)
#endif

/* Nothing is known of what it holds from here on. */
#define HOI_OPAQUE(x) __asm__("" : "+r"(x))

#define hoi_likely(x) __builtin_expect(!!(x), 1)
#define HOI_COLD __attribute__((noinline, cold)) /* off the usual path, out of its registers */
#define hoi_unlikely(x) __builtin_expect(!!(x), 0)

#endif
