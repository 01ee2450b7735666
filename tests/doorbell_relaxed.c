/* SPDX-License-Identifier: MIT */
/* The doorbell with all orders relaxed. */
#include "src/atomic.h"
#undef AT
#define AT(site, order) memory_order_relaxed

#define LITMUS litmus_relaxed
#include "doorbell_litmus.inl"
