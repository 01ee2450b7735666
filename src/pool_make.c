/* SPDX-License-Identifier: MIT */
/*
 * Pool: construct and destruct. Whoever has a slot, and has made its pages resident, constructs it before it becomes a
 * handle; whoever gives pages back destructs the slots on them first. A bit for each slot says whether it is constructed:
 * it is changed by who has the slot, so relaxed.
 */
#include "pool_private.h"

/* Callbacks that the thread is inside of, the innermost first. */
struct object_call {
    const struct hoi_pool *pool;
    const struct object_call *outer;
};
static _Thread_local const struct object_call *object_calls
    __attribute__((tls_model("initial-exec")));

int hoi_pool_inside(const struct hoi_pool *p)
{
    for (const struct object_call *call = object_calls; call; call = call->outer)
        if (call->pool == p)
            return 1;
    return 0;
}

static void call_object_fn(struct hoi_pool *p, ho_object_fn fn, uint32_t index)
{
    struct object_call call = {.pool = p, .outer = object_calls};
    if (!fn)
        return;
    object_calls = &call;
    hoi_in_callback++;
    fn(p->base + (uint64_t)index * p->slot_bytes, p->arg);
    hoi_in_callback--;
    object_calls = call.outer;
}

void hoi_pool_construct(struct hoi_pool *p, uint32_t index)
{
    uint64_t bit = (uint64_t)1 << index % 64;
    if (A_OR(p->made[index / 64], bit, memory_order_relaxed) & bit)
        return;
    call_object_fn(p, p->construct, index);
}

void hoi_pool_destruct(struct hoi_pool *p, uint32_t from, uint32_t end)
{
    for (uint32_t i = from; i < end; i++) {
        uint64_t bit = (uint64_t)1 << i % 64;
        if (A_LOAD(p->made[i / 64], memory_order_relaxed) & bit) {
            (void)A_AND(p->made[i / 64], ~bit, memory_order_relaxed);
            call_object_fn(p, p->destruct, i);
        }
    }
}
