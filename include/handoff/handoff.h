/* SPDX-License-Identifier: MIT */
/* handoff: slices and their ownership, from a C++ network entrypoint to C services and back.
 * Read in this order; base.h says how to read the docstrings. */
#ifndef HANDOFF_HANDOFF_H
#define HANDOFF_HANDOFF_H

#include "handoff/base.h"
#include "handoff/status.h"
#include "handoff/abi.h"
#include "handoff/buf.h"
#include "handoff/domain.h"
#include "handoff/arena.h"
#include "handoff/shard.h"
#include "handoff/service.h"
#include "handoff/producer.h"
#include "handoff/consumer.h"
#include "handoff/owner.h"

#endif
