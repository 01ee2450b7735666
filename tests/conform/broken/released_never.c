/* SPDX-License-Identifier: MIT */
/* Inline releases do not run, and count as done. */
#define hoi_owner_release genuine_owner_release
#include "owner.c"
#undef hoi_owner_release

void hoi_owner_release(struct hoi_owner *o, const ho_release_rec *recs, uint32_t n);

void hoi_owner_release(struct hoi_owner *o, const ho_release_rec *recs, uint32_t n)
{
    (void)recs;
    hoi_owner_drop(o, n);
}
