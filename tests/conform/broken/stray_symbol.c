/* SPDX-License-Identifier: MIT */
/* A function that no description has. */
#include "handoff/base.h"

HO_API int32_t ho_stray(void);

int32_t ho_stray(void)
{
    return 0;
}
