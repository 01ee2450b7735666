/* SPDX-License-Identifier: MIT */
#include "conform.h"
void callbacks_cases(void) {}
