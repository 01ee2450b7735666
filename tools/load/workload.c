/* SPDX-License-Identifier: MIT */
#include "workload.h"

#include "game/services.h"

#define TEXT_BYTES 16384u /* stays in a first-level cache; a power of two */

static uint8_t text[TEXT_BYTES + GAME_TEXT_MAX];

/* The finalizer of splitmix64. */
uint64_t workload_mix(uint64_t value)
{
    value += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

void workload_init(struct workload *workload, uint64_t seed, uint32_t sessions, uint64_t total,
                   uint64_t seconds, uint64_t start_ns)
{
    *workload =
        (struct workload){.seed = seed,
                          .sessions = sessions,
                          .total = total,
                          .interval_ns = total == 0 ? 0 : 1e9 * (double)seconds / (double)total,
                          .start_ns = start_ns};
}

struct arrival workload_next(const struct workload *workload)
{
    if (workload->sent == workload->total)
        return (struct arrival){.due_ns = UINT64_MAX};
    uint64_t random = workload_mix(workload->seed ^ workload->sent << 20);
    double part = (double)(random >> 40) / (double)(1 << 24);
    uint32_t dice = (uint32_t)(random & 0xffff) * 100u >> 16;
    return (struct arrival){
        .due_ns = workload->start_ns +
                  (uint64_t)(((double)workload->sent + part) * workload->interval_ns),
        .local_session = workload->next_session,
        .service = dice < 60   ? GAME_MOVEMENT
                   : dice < 85 ? GAME_COMBAT
                               : GAME_ECONOMY,
    };
}

void workload_advance(struct workload *workload)
{
    workload->sent++;
    if (++workload->next_session == workload->sessions)
        workload->next_session = 0;
}

/* Picks a frame size from 32 random bits: which range, and where in it. */
static size_t frame_bytes(uint32_t random)
{
    static const struct {
        uint32_t percent;
        uint32_t from;
        uint32_t to;
    } ranges[] = {{60, 32, 96}, {25, 97, 256}, {12, 257, 640}, {3, 641, 1400}};
    uint32_t dice = (random & 0xffff) * 100u >> 16;
    uint32_t i = 0;

    while (dice >= ranges[i].percent)
        dice -= ranges[i++].percent;
    return ranges[i].from + ((random >> 16) * (ranges[i].to - ranges[i].from + 1) >> 16);
}

static void choose_action(uint32_t service, uint32_t random, struct game_request *request)
{
    switch (service) {
    case GAME_MOVEMENT: /* a step of at most 57 cm */
        request->header.code = GAME_MOVE;
        request->a = (int16_t)((int)(random & 0xff) * 81 / 256 - 40);
        request->b = (int16_t)((int)(random >> 8 & 0xff) * 81 / 256 - 40);
        break;
    case GAME_COMBAT: /* three of four strike */
        request->header.code = (random & 3) == 3 ? GAME_REST : GAME_STRIKE;
        request->a = (int16_t)(random >> 2 & 3);
        request->b = (int16_t)((random >> 8 & 0xff) * 101 / 256);
        break;
    default:
        request->header.code = (uint8_t)(random & 3); /* all four of the economy */
        request->a = (int16_t)(1 + (random >> 2 & 15));
        request->b = 0;
        break;
    }
}

void workload_request(uint64_t seed, uint32_t session, uint32_t service, uint32_t sequence,
                      struct game_request *request)
{
    uint64_t random =
        workload_mix(seed ^ (uint64_t)session << 34 ^ (uint64_t)service << 32 ^ sequence);

    request->header.service = (uint8_t)service;
    request->header.session = session;
    request->header.sequence = sequence;
    request->text_len = frame_bytes((uint32_t)random) - GAME_HEADER_BYTES - GAME_REQUEST_ARGS;
    request->text = text + (random >> 32) % TEXT_BYTES;
    choose_action(service, (uint32_t)(random >> 46), request);
}

void workload_text_init(uint64_t seed)
{
    for (uint32_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)workload_mix(seed ^ (uint64_t)i << 32);
}
