/* SPDX-License-Identifier: MIT */
/* ho_consumer_fd is not there under its name. */
#define ho_consumer_fd ho_consumer_descriptor
#include "consumer.c"
