/* SPDX-License-Identifier: MIT */
/* Claim: claim.inl over C11 atomics. */
#ifndef HOI_CLAIM_H
#define HOI_CLAIM_H

#include "atomic.h"

#include "claim.inl"

#endif
