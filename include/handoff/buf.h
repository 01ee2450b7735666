/* SPDX-License-Identifier: MIT */
/* The buffer descriptor: what crosses the boundary. Plain values, no hidden identity. */
#ifndef HANDOFF_BUF_H
#define HANDOFF_BUF_H

#include "handoff/base.h"

/* ho_buf.kind. A holder never changes it. */
#define HO_KIND_EMPTY 0u   /* nothing here: returning it is a no-op */
#define HO_KIND_LOAN 1u    /* reserved and not committed: arena memory being written */
#define HO_KIND_ARENA 2u   /* committed arena memory */
#define HO_KIND_FOREIGN 3u /* memory of a registered owner */
#define HO_KIND_SLICE 4u   /* part of another buffer, which it keeps alive */

/* ho_buf.flags: the low half may be ignored by whoever does not know a bit, the high half must be
 * understood; the library refuses a bit of it that it does not know. */
#define HO_BUF_FLAGS_MUST 0xffff0000u
#define HO_BUF_PARTITION                                                                           \
    0x00010000u /* to be sent to `partition`, whatever the key; clear when taken */

/*
 * A buffer: 64 bytes, naturally aligned to 8. Whoever has it owns it; copying the bytes of the
 * descriptor does not copy the ownership, and the second of two copies to be returned is refused
 * with HO_E_STALE. A holder may change len (up to cap), key, value, partition and flags; and move ptr
 * forward, with cap and len less by as much. Everything else is the library's, and needed to return it:
 * who keeps a buffer keeps all 64 bytes.
 */
typedef struct ho_buf {
    uint8_t *ptr;     /* first byte; never NULL in a buffer that the library hands out */
    uint64_t len;     /* bytes that carry data */
    uint64_t handle;  /* generation, segment, number, of one domain; 0 in an empty descriptor. In
                            ho_give: the owner's token for this buffer (ho_release_rec) */
    uint64_t value;   /* the sender's, carried verbatim with every kind: what to answer to */
    uint64_t cap;     /* bytes from ptr that belong to this buffer, at least len */
    uint32_t owner;   /* in ho_give: who gets it back (ho_owner_register). In what the library
                            hands out: its seal on kind, handle and ptr + cap; one that does not
                            fit, as in another domain, is HO_E_STALE */
    uint16_t service; /* number of the service that delivered it; 0 before delivery */
    uint16_t
        partition;  /* when taken: which it came through. Sent with HO_BUF_PARTITION: where to */
    uint32_t flags; /* HO_BUF_PARTITION; HO_BUF_FLAGS_MUST says which half must be understood */
    uint16_t
        hops; /* the library's: how often it was forwarded. A copy of the descriptor from before is
                      HO_E_STALE where it is forwarded, sliced or compacted */
    uint8_t align_log2; /* alignment of the memory at reserve: 1 << align_log2 bytes */
    uint8_t kind;       /* HO_KIND_* */
    uint64_t key;       /* says which partition of a service, and whose order it keeps */
} ho_buf;

#endif
