/* SPDX-License-Identifier: MIT */
/* A call of handoff that must succeed, or the program ends. For C and C++. */
#ifndef HANDOFF_BENCH_OK_H
#define HANDOFF_BENCH_OK_H

#include <handoff/handoff.h>

#include <common/tool.h>

#include <stdlib.h>

static inline void ok(int32_t status)
{
    const char *text = "unknown status";

    if (status == HO_OK)
        return;
    ho_strerror(status, NULL, &text);
    tool_error("%s: look the status up in handoff/status.h", text);
    _Exit(1);
}

#endif
