/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLE_SERVICE_H
#define EXAMPLE_SERVICE_H

#include <handoff/handoff.h>

HO_BEGIN_DECLS

/* Prints what players send, until the service closes. */
void serve(ho_domain *domain, ho_consumer *from) HO_NOEXCEPT;

HO_END_DECLS

#endif
