/* SPDX-License-Identifier: MIT */
/* Buffer descriptor: what crosses the ABI. A struct of plain values, which may be copied and stored. */
#ifndef HANDOFF_BUF_H
#define HANDOFF_BUF_H

#include "handoff/base.h"

/* ho_buf.kind. A holder never changes it. */
#define HO_KIND_EMPTY 0u   /* no buffer: returning it is a no-op */
#define HO_KIND_LOAN 1u    /* reserved and not committed: arena memory being written */
#define HO_KIND_ARENA 2u   /* committed arena memory */
#define HO_KIND_FOREIGN 3u /* memory of a registered owner */
#define HO_KIND_SLICE 4u   /* part of another buffer, which it keeps alive */

/* ho_buf.flags has two halves. An unknown bit of the low half may be ignored; a bit of the high half must be
 * understood, and the library refuses one that it does not know. */
#define HO_BUF_FLAGS_MUST 0xffff0000u
/* Send to `partition`, whatever the key. Clear in a buffer that was taken. */
#define HO_BUF_PARTITION 0x00010000u

/*
 * A buffer: 64 bytes, naturally aligned to 8. Whoever has the descriptor owns the buffer. Copying the descriptor does
 * not copy the ownership: of two copies, the second to be returned is refused with HO_E_STALE. A holder may change len
 * (up to cap), key, value, partition and flags, and may move ptr forward, reducing cap and len by as much. All other
 * fields are the library's. The library needs all 64 bytes to return a buffer: to keep a buffer, keep all of them.
 */
typedef struct ho_buf {
    uint8_t *ptr;       /* first byte; never NULL in a buffer that the library hands out */
    uint64_t len;       /* bytes of data */
    uint64_t handle;    /* generation, segment and number, within one domain; 0 in an empty
                           descriptor. In ho_give: the owner's token (ho_release_rec) */
    uint64_t value;     /* the sender's, delivered unchanged with every kind: what to answer to,
                           for example */
    uint64_t cap;       /* bytes from ptr that belong to this buffer, at least len */
    uint32_t owner;     /* in ho_give: the owner that gets it back (ho_owner_register). In a buffer
                           that the library hands out: its seal on kind, handle and ptr + cap; a
                           seal that does not match, as in another domain, is HO_E_STALE */
    uint16_t service;   /* number of the service that delivered it; 0 before delivery */
    uint16_t partition; /* taken: which one it came through. Sent with HO_BUF_PARTITION: which one
                           it goes to */
    uint32_t flags;     /* HO_BUF_PARTITION; HO_BUF_FLAGS_MUST says which half must be understood */
    uint16_t hops;      /* the library's: how often it was forwarded. A copy of the descriptor from
                           before a forward is HO_E_STALE if forwarded, sliced or compacted */
    uint8_t align_log2; /* alignment of the memory at reserve: 1 << align_log2 bytes */
    uint8_t kind;       /* HO_KIND_* */
    uint64_t key;       /* selects the partition; messages with the same key stay in order */
} ho_buf;

#endif
