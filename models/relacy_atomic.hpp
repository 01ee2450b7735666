/* SPDX-License-Identifier: MIT */
/*
 * The names of src/atomic.h over Relacy. A model includes this instead and then the shipped .inl.
 *
 * A model defines before: MODEL_SITES(X) with X(site, kind, order) for each site that it weakens, and
 * OTHER_SITES(X) for those of its .inl files that another model weakens. A site that is in neither
 * list, or that stands in the source with another order than in the list, does not compile.
 *
 * A STEP is something that a caller of the .inl has to do; its mutant leaves it out. So a model shows
 * that it would see the callers' mistakes too.
 */
#ifndef HANDOFF_MODELS_RELACY_ATOMIC_HPP
#define HANDOFF_MODELS_RELACY_ATOMIC_HPP

#include <relacy/relacy.hpp>

/* Relacy takes these over; the models don't allocate, and standard headers need them back. */
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free

#include <stdint.h>

enum site_kind { LOAD, STORE, RMW, STEP };

struct site {
    const char *name;
    site_kind kind;
    rl::memory_order order;
};

#define SITE_ENUM(site, kind, order) SITE_##site,
#define SITE_ROW(site, kind, order) {#site, kind, rl::mo_##order},
enum { MODEL_SITES(SITE_ENUM) SITE_COUNT, OTHER_SITES(SITE_ENUM) SITE_END };
static constexpr site sites[] = {MODEL_SITES(SITE_ROW){"", LOAD, rl::mo_relaxed},
                                 OTHER_SITES(SITE_ROW)};

/* The one site that this run weakens, and to what; SITE_END for none. */
static int weak_site = SITE_END;
static rl::memory_order weak_order = rl::mo_relaxed;
static bool site_reached[SITE_END + 1];

template <int site, rl::memory_order order> static inline rl::memory_order order_at()
{
    static_assert(sites[site].order == order, "the list of sites has another order");
    site_reached[site] = true;
    return site == weak_site ? weak_order : order;
}

/* Is this step done? In its mutant it is not. */
#define DO_STEP(step) step_done<SITE_##step>()
template <int step> static inline bool step_done()
{
    static_assert(sites[step].kind == STEP, "the list of sites has it as an operation");
    site_reached[step] = true;
    return step != weak_site;
}

#define AT(site, order) order_at<SITE_##site, rl::mo_##order>()

#define A_TYPE(T) rl::atomic<T>
#define A_LOAD(x, o) (x).load(o, RL_INFO)
#define A_STORE(x, v, o) (x).store(v, o, RL_INFO)
#define A_XCHG(x, v, o) (x).exchange(v, o, RL_INFO)
#define A_FADD(x, v, o) (x).fetch_add(v, o, RL_INFO)
#define A_FSUB(x, v, o) (x).fetch_sub(v, o, RL_INFO)
#define A_OR(x, v, o) (x).fetch_or(v, o, RL_INFO)
#define A_AND(x, v, o) (x).fetch_and(v, o, RL_INFO)
#define A_CAS(x, e, v, o, of) cas_weak(x, e, v, o, of, RL_INFO)
#define A_CAS_ONCE(x, e, v, o, of) (x).compare_exchange_strong(e, v, o, RL_INFO, of, RL_INFO)

#define A_IS_RELAXED(x, v, o) ((x).load(o, RL_INFO) == (v))

#define P_TYPE(T) rl::var<T>
#define P_READ(x) (x)(RL_INFO).load()
#define P_WRITE(x, v) (x)(RL_INFO).store(v)

#define HOI_APART
#define hoi_likely(x) (x)
#define hoi_unlikely(x) (x)
#define HOI_TRAP_IF(x) RL_ASSERT(!(x))

/*
 * C allows any failure order since C17 (a defect of C11); Relacy follows C++11, where it can't be
 * stronger than the success order. A fence gives a failure the acquire that a weakened success order
 * would deny it, so that each of the two is weakened alone. A failing exchange reads the latest value
 * in Relacy, so seq_cst adds nothing to acquire there.
 */
template <typename T>
static inline bool cas_weak(rl::atomic<T> &x, T &expected, T value, rl::memory_order success,
                            rl::memory_order failure, rl::debug_info_param info)
{
    if (success == rl::mo_seq_cst || failure == rl::mo_relaxed)
        return x.compare_exchange_weak(expected, value, success, info, failure, info);
    if (x.compare_exchange_weak(expected, value, success, info, rl::mo_relaxed, info))
        return true;
    rl::ctx().atomic_thread_fence_acquire();
    return false;
}

#endif
