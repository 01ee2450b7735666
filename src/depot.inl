/* SPDX-License-Identifier: MIT */
/*
 * Depot: moves blocks of slots from one processor's cache to another's. One exchange moves a block;
 * the free bits would need one exchange per word, or per slot if the slots are scattered.
 *
 * The blocks are in two stacks, full and empty. A stack is {tag:32, block + 1:32}, and each push
 * increments the tag, so a pop fails if its block was popped and pushed again meanwhile. A popped
 * block belongs to its popper alone.
 *
 * Edges: label | release site | acquire site | what becomes visible | what breaks without it
 *  DEPOT | depot_push | depot_top, depot_pop, depot_retop | the block's slots | slots of an earlier filling: used by two
 */

#define HOI_DEPOT_TAG ((uint64_t)1 << 32)

/* Pushes block i, which only the caller has. */
static inline void hoi_depot_push(A_TYPE(uint64_t) * stack, struct hoi_depot_block *blocks,
                                  uint32_t i)
{
    uint64_t head = A_LOAD(*stack, AT(depot_look, relaxed)), next;
    do {
        A_STORE(blocks[i].next, (uint32_t)head, AT(depot_link, relaxed));
        next = (head & ~(uint64_t)UINT32_MAX) | (i + 1);
        next += DO_STEP(depot_tag) ? HOI_DEPOT_TAG : 0;
    } while (!A_CAS(*stack, head, next, AT(depot_push, release), /* edge DEPOT: release */
                    AT(depot_relook, relaxed)));
}

/* Pops a block, for the caller alone. Returns its index + 1, or 0 if there is none. */
static inline uint32_t hoi_depot_pop(A_TYPE(uint64_t) * stack, struct hoi_depot_block *blocks)
{
    uint64_t head = A_LOAD(*stack, AT(depot_top, acquire)), next; /* edge DEPOT: acquire */
    do {
        if (!(uint32_t)head)
            return 0;
        /* `next` may be stale by now; then the tag has changed and the exchange fails. */
        next = (head & ~(uint64_t)UINT32_MAX) |
               A_LOAD(blocks[(uint32_t)head - 1].next, AT(depot_next, relaxed));
    } while (!A_CAS(*stack, head, next, AT(depot_pop, acquire), /* edge DEPOT: acquire */
                    AT(depot_retop, acquire)));                 /* edge DEPOT: acquire */
    return (uint32_t)head;
}
