/* SPDX-License-Identifier: MIT */
#ifndef ASIO_SESSION_PLAIN_HPP
#define ASIO_SESSION_PLAIN_HPP

#include "service.h"

#include <cstdint>

/* Serves until SIGINT or SIGTERM. */
void run_plain(std::uint16_t port, struct world *worlds);

#endif
