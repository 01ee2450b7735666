/* SPDX-License-Identifier: MIT */
#ifndef HOI_OWNER_PRIVATE_H
#define HOI_OWNER_PRIVATE_H

#include "domain_private.h"

#include "handoff/owner.h"

/* An id is {generation:21, index + 1:11}. A slot whose generations are used up gets no owner any more, so that no
 * id comes back: a stale one would release to somebody else. */
#define HOI_OWNER_INDEX_BITS 11u
#define HOI_OWNER_GENERATIONS ((uint32_t)1 << (32u - HOI_OWNER_INDEX_BITS))
#define hoi_owner_index(id) (((id) & (((uint32_t)1 << HOI_OWNER_INDEX_BITS) - 1)) - 1)
_Static_assert(HOI_OWNERS_MAX >> HOI_OWNER_INDEX_BITS == 0, "index + 1 fits");

struct hoi_owner {
    /* Read by everybody. */
    ho_release_fn release;
    void *ctx;
    uint32_t mode;
    A_TYPE(uint32_t) id;              /* 0 = free; stays until ho_owner_retire has said HO_OK */
    A_TYPE(int32_t) fd;               /* plus 1; 0 = none */
    HOI_APART A_TYPE(uint64_t) out;   /* BIAS while registered, plus what is out */
    HOI_APART A_TYPE(uint32_t) queue; /* pushed by returners, taken all at once by the drainer */
    /* The drainer's: taken from the queue, in order, not yet released. */
    HOI_APART uint32_t drained;
    uint32_t generation; /* of the id; under the mutex */
};

/* Finds the owner of an id and takes n counts of it, before its buffers are accepted. NULL: there is
 * none, or it is retired. */
struct hoi_owner *hoi_owner_hold(struct hoi_domain *d, uint32_t id, uint64_t n);
/* Gives n back, after the last use of the owner: from then on it may be gone. */
void hoi_owner_drop(struct hoi_owner *o, uint64_t n);

/* Runs the release of n records of one owner on this thread, and gives their counts back. */
void hoi_owner_release(struct hoi_owner *o, const ho_release_rec *recs, uint32_t n);
/* Queues a record whose segment the caller has put on hold. The record stays until it is drained. */
void hoi_owner_queue(struct hoi_owner *o, struct hoi_seg *seg, uint32_t number);

/* All owners of a domain: retire them; how many have something out or running; free their objects. */
void hoi_owners_retire(struct hoi_domain *d);
uint32_t hoi_owners_out(struct hoi_domain *d);
void hoi_owners_free(struct hoi_domain *d);

#endif
