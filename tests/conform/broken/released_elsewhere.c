/* SPDX-License-Identifier: MIT */
/* Queued releases run where the buffer is returned (but for those that a descriptor tells of). */
#include "owner_private.h"

#undef HO_RELEASE_INLINE
#define HO_RELEASE_INLINE (t->owner->mode == HO_RELEASE_DRAIN ? HO_RELEASE_DRAIN : 0u)
#include "return.c"
