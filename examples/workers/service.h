/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLE_SERVICE_H
#define EXAMPLE_SERVICE_H

#include <handoff/handoff.h>

HO_BEGIN_DECLS

/* Works on messages in place: each becomes its own answer. An echo that takes `work_us`
 * microseconds per message. */
void work_on(ho_buf *messages, uint32_t count, uint32_t work_us) HO_NOEXCEPT;

/* A worker sends them to the connections that they came from. Waits for room. Messages refused even
 * then (the service is closed) stay in `messages`; the others are zeroed. */
void answer(ho_producer *to, ho_buf *messages, uint32_t count) HO_NOEXCEPT;

HO_END_DECLS

#endif
