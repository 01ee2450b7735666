/* SPDX-License-Identifier: MIT */
/* Sequences of calls, read from the input, against the ledger. The entry of libFuzzer is here. */
#include "ledger.h"

#include <string.h>

#define STEPS_MAX 4000u

static void step(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } calls[] = {{"sending", fuzz_send},   {"sending", fuzz_send},
                 {"memory", fuzz_memory},  {"memory", fuzz_memory},
                 {"taking", fuzz_take},    {"taking", fuzz_take},
                 {"lifecycle", fuzz_life}, {"misuse", fuzz_misuse},
                 {"pools", fuzz_pools},    {"memory of any size", fuzz_allocs}};
    uint32_t which = pick(sizeof calls / sizeof *calls);
    ledger.step = calls[which].name;
    calls[which].run();
}

int fuzz_one(const uint8_t *input, size_t bytes)
{
    memset(&ledger, 0, sizeof ledger);
    ledger.input = input;
    ledger.left = bytes;
    ledger.step = "opening";
    for (uint32_t i = 0; i < CONSUMERS; i++)
        ledger.consumers[i].helps = NONE;
    world_open();
    while (ledger.left && ledger.steps++ < STEPS_MAX) {
        step();
        check_releases();
        check_descriptors();
        if (ledger.steps % 32 == 0)
            check_stats();
    }
    ledger.step = "closing";
    world_close();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes)
{
    return fuzz_one(input, bytes);
}
