/* SPDX-License-Identifier: MIT */
#ifndef HOI_OWNER_PRIVATE_H
#define HOI_OWNER_PRIVATE_H

#include "domain_private.h"

#include "handoff/owner.h"

/* An id is {generation:21, index + 1:11}. A slot whose generations are used up gets no more
 * owners, so that no id is reused: a stale id would release to another owner. */
#define HOI_OWNER_INDEX_BITS 11u
#define HOI_OWNER_GENERATIONS ((uint32_t)1 << (32u - HOI_OWNER_INDEX_BITS))
#define hoi_owner_index(id) (((id) & (((uint32_t)1 << HOI_OWNER_INDEX_BITS) - 1)) - 1)
_Static_assert(HOI_OWNERS_MAX >> HOI_OWNER_INDEX_BITS == 0, "index + 1 fits");

struct hoi_owner {
    /* Read by all threads. */
    ho_release_fn release;
    void *ctx;
    uint32_t mode;
    A_TYPE(uint32_t) id;              /* 0 = free; stays until ho_owner_retire has returned HO_OK */
    A_TYPE(int32_t) fd;               /* plus 1; 0 = none */
    HOI_APART A_TYPE(uint64_t) out;   /* BIAS while registered, plus the buffers outstanding */
    HOI_APART A_TYPE(uint32_t) queue; /* pushed by returners, taken as a whole by the drainer */
    /* The drainer's: taken from the queue, in order, not released yet. */
    HOI_APART uint32_t drained;
    uint32_t generation; /* of the id; under the mutex */
};

/* Finds the owner of an id and adds n to its count, before its buffers are accepted. NULL: there
 * is none, or it is retired. */
struct hoi_owner *hoi_owner_hold(struct hoi_domain *d, uint32_t id, uint64_t n);
/* Takes n off, after the last use of the owner: it may be gone from then on. */
void hoi_owner_drop(struct hoi_owner *o, uint64_t n);

/* Releases n records of one owner on this thread, and takes them off its count. */
void hoi_owner_release(struct hoi_owner *o, const ho_release_rec *recs, uint32_t n);
/* Queues a record whose segment the caller holds. The record stays until it is drained. */
void hoi_owner_queue(struct hoi_owner *o, struct hoi_seg *seg, uint32_t number);

/* All owners of a domain: retire them; count those with something outstanding or running; free
 * their objects. */
void hoi_owners_retire(struct hoi_domain *d);
uint32_t hoi_owners_out(struct hoi_domain *d);
void hoi_owners_free(struct hoi_domain *d);

#endif
