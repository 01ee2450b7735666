/* SPDX-License-Identifier: MIT */
/* Inline releases run twice. */
#define hoi_owner_release genuine_owner_release
#include "owner.c"
#undef hoi_owner_release

void hoi_owner_release(struct hoi_owner *o, const ho_release_rec *recs, uint32_t n);

void hoi_owner_release(struct hoi_owner *o, const ho_release_rec *recs, uint32_t n)
{
    hoi_in_callback++;
    o->release(o->ctx, recs, n);
    hoi_in_callback--;
    genuine_owner_release(o, recs, n);
}
