/* SPDX-License-Identifier: MIT */
#include "conform.h"
void ownership_cases(void) {}
