/* SPDX-License-Identifier: MIT */
/* The doorbell with its orders taken away. */
#include "src/atomic.h"
#undef AT
#define AT(site, order) memory_order_relaxed

#define LITMUS litmus_relaxed
#include "doorbell_litmus.inl"
