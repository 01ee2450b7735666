/* SPDX-License-Identifier: MIT */
/*
 * handoff passes buffers and their ownership between a C++ server and services written in C, within one process,
 * without copying. This header includes the whole C API. For C++17 include handoff/handoff.hpp; for sockets
 * handoff/net.hpp, or handoff/bridge.hpp if the server has its own.
 *
 * A domain holds everything: memory, services, owners. An arena is memory with a budget; each thread fills it through
 * its own shard. A loan is reserved memory that is still being written; committing it makes it a message. A service
 * receives messages and divides them into partitions by key. A producer sends to one service, a consumer takes from
 * one. Each producer has a lane to each partition that it sends to: a lock-free ring with one writer and one reader at
 * a time. Memory that was given rather than reserved goes back to its owner.
 *
 * A program makes its calls in this order:
 *
 *   once          ho_domain_create, ho_arena_open, ho_service_open; ho_owner_register if it gives its own memory
 *   each thread   ho_shard_open, ho_producer_open over that shard; ho_consumer_open
 *   to send       ho_reserve, write, ho_commit; or ho_give, ho_give_copy, ho_forward
 *   to work       ho_take, read in place, ho_return; on HO_EMPTY ho_wait, or sleep on ho_consumer_fd
 *   to stop       ho_service_close; each thread closes its own handles; ho_domain_close, ho_domain_destroy
 *
 * Read the headers in this order:
 *
 *   base.h        linkage, versions, and how to read the comments: threads, progress, ownership, returns
 *   status.h      what calls return, and what to do about it
 *   abi.h         which version of the library this is; ho_init for option structs
 *   buf.h         ho_buf, the descriptor of a buffer
 *   domain.h      the root of everything
 *   arena.h       memory with a budget
 *   shard.h       how a thread fills it: reserve, split, abort
 *   pool.h        objects of one size in an arena
 *   alloc.h       memory of any size in an arena
 *   service.h     partitions, policies, what happens when consumers are late
 *   producer.h    commit, give, copy, forward
 *   consumer.h    take, wait, help; return and slice
 *   owner.h       foreign memory, and how it is released
 */
#ifndef HANDOFF_HANDOFF_H
#define HANDOFF_HANDOFF_H

#include "handoff/base.h"
#include "handoff/status.h"
#include "handoff/abi.h"
#include "handoff/buf.h"
#include "handoff/domain.h"
#include "handoff/arena.h"
#include "handoff/shard.h"
#include "handoff/pool.h"
#include "handoff/alloc.h"
#include "handoff/service.h"
#include "handoff/producer.h"
#include "handoff/consumer.h"
#include "handoff/owner.h"

#endif
