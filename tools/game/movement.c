/* SPDX-License-Identifier: MIT */
/* Movement: a player's position, and whether he can have moved that far in the time. */
#include "session.h"

#define TOP_SPEED_CM_PER_S 1200
#define SLACK_CM 50                          /* tolerance for network jitter */
#define LONGEST_STEP_NS UINT64_C(2000000000) /* standing still longer than this earns no more */
#define WORLD_CM 10000000                    /* the world is a square around its origin */

struct walker {
    struct game_seen seen;
    uint64_t last_ns;
    int32_t x_cm;
    int32_t y_cm;
    uint32_t refused;
    uint32_t spare;
};

const size_t game_movement_session_bytes = sizeof(struct walker);

static int in_world(int64_t at)
{
    return at >= -WORLD_CM && at <= WORLD_CM;
}

static int fast_enough_for(const struct walker *walker, uint64_t now_ns, int64_t dx, int64_t dy)
{
    uint64_t passed_ns = now_ns > walker->last_ns ? now_ns - walker->last_ns : 0;

    if (passed_ns > LONGEST_STEP_NS)
        passed_ns = LONGEST_STEP_NS;
    int64_t reach = (int64_t)(passed_ns / 1000000) * TOP_SPEED_CM_PER_S / 1000 + SLACK_CM;
    return dx * dx + dy * dy <= reach * reach;
}

static uint8_t move(struct walker *walker, const struct game_request *request)
{
    int64_t x = (int64_t)walker->x_cm + request->a;
    int64_t y = (int64_t)walker->y_cm + request->b;

    if (request->header.code != GAME_MOVE || !in_world(x) || !in_world(y))
        return GAME_BAD_ACTION;
    if (!fast_enough_for(walker, request->header.sent_ns, request->a, request->b)) {
        walker->refused++;
        return GAME_TOO_FAST;
    }
    walker->x_cm = (int32_t)x;
    walker->y_cm = (int32_t)y;
    walker->last_ns = request->header.sent_ns;
    return GAME_DONE;
}

static uint8_t play(struct game_state *state, void *session, const struct game_request *request,
                    int32_t result[3])
{
    struct walker *walker = session;
    uint8_t code = move(walker, request);

    (void)state;
    result[0] = walker->x_cm;
    result[1] = walker->y_cm;
    result[2] = (int32_t)walker->refused;
    return code;
}

int game_movement_handle(struct game_state *state, const uint8_t *msg, size_t len, uint8_t *answer,
                         size_t answer_cap, size_t *answer_len)
{
    return game_serve(state, GAME_MOVEMENT, play, msg, len, answer, answer_cap, answer_len);
}
