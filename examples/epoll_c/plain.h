/* SPDX-License-Identifier: MIT */
#ifndef EPOLL_C_PLAIN_H
#define EPOLL_C_PLAIN_H

#include "service.h"

/* Serves until `signals` is readable. Closes the listener. */
void run_plain(int listener, int signals, struct world *worlds);

#endif
