/* SPDX-License-Identifier: MIT */
#ifndef ECHO_SERVICE_H
#define ECHO_SERVICE_H

#include <handoff/handoff.h>

/* ho_buf.value of a message from the server itself, not from a connection: a report. */
#define FROM_SERVER UINT64_MAX

/* The fields of a report: counts since the start. */
enum { REPORT_RECEIVED, REPORT_ANSWERED, REPORT_REFUSED, REPORT_FIELDS };

HO_BEGIN_DECLS

/* One worker: answers messages until the service is closed and empty. Any number of threads may run
 * it, each with its own ends: `from` is a consumer of the service, `egress` a producer of the
 * egress service. */
void echo_serve(ho_domain *domain, ho_consumer *from, ho_producer *egress) HO_NOEXCEPT;

HO_END_DECLS

#endif
