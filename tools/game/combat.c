/* SPDX-License-Identifier: MIT */
/* Combat: a player against his own opponent, with four skills that have cooldowns. */
#include "session.h"

#define FULL_HEALTH 100
#define FORCE_MAX 100
#define SKILLS 4
#define REST_HEALS 5

struct skill {
    uint32_t cooldown_ms;
    int32_t damage;
};

static const struct skill skills[SKILLS] = {{50, 4}, {250, 12}, {1000, 30}, {4000, 70}};

struct fighter {
    struct game_seen seen;
    uint64_t ready_ns[SKILLS];
    int32_t lost; /* own hit points lost, so that all zero is a fresh fighter */
    int32_t opponent_lost;
    uint32_t victories;
    uint32_t spare;
};

const size_t game_combat_session_bytes = sizeof(struct fighter);

static int32_t at_most(int32_t value, int32_t limit)
{
    return value < limit ? value : limit;
}

static uint8_t strike(struct fighter *fighter, const struct game_request *request)
{
    if (request->a < 0 || request->a >= SKILLS || request->b < 0 || request->b > FORCE_MAX)
        return GAME_BAD_ACTION;
    const struct skill *skill = &skills[request->a];
    uint64_t now_ns = request->header.sent_ns;
    if (now_ns < fighter->ready_ns[request->a])
        return GAME_COOLDOWN;
    fighter->ready_ns[request->a] = now_ns + skill->cooldown_ms * UINT64_C(1000000);
    fighter->opponent_lost += skill->damage * (FORCE_MAX + request->b) / FORCE_MAX;
    if (fighter->opponent_lost >= FULL_HEALTH) {
        fighter->opponent_lost = 0;
        fighter->victories++;
    } else {
        /* The opponent strikes back with half the damage, and leaves at least one hit point. */
        fighter->lost = at_most(fighter->lost + skill->damage / 2, FULL_HEALTH - 1);
    }
    return GAME_DONE;
}

static int32_t cooldown_left_ms(const struct fighter *fighter, const struct game_request *request)
{
    if (request->header.code != GAME_STRIKE || request->a < 0 || request->a >= SKILLS)
        return 0;
    uint64_t ready_ns = fighter->ready_ns[request->a];
    uint64_t now_ns = request->header.sent_ns;
    uint64_t left_ms = ready_ns > now_ns ? (ready_ns - now_ns) / 1000000 : 0;
    return left_ms < INT32_MAX ? (int32_t)left_ms : INT32_MAX; /* a player's clock can jump back */
}

static uint8_t act(struct fighter *fighter, const struct game_request *request)
{
    switch (request->header.code) {
    case GAME_STRIKE: return strike(fighter, request);
    case GAME_REST: fighter->lost -= at_most(REST_HEALS, fighter->lost); return GAME_DONE;
    default: return GAME_BAD_ACTION;
    }
}

static uint8_t play(struct game_state *state, void *session, const struct game_request *request,
                    int32_t result[3])
{
    struct fighter *fighter = session;
    uint8_t code = act(fighter, request);

    (void)state;
    result[0] = FULL_HEALTH - fighter->lost;
    result[1] = (int32_t)fighter->victories;
    result[2] = cooldown_left_ms(fighter, request);
    return code;
}

int game_combat_handle(struct game_state *state, const uint8_t *msg, size_t len, uint8_t *answer,
                       size_t answer_cap, size_t *answer_len)
{
    return game_serve(state, GAME_COMBAT, play, msg, len, answer, answer_cap, answer_len);
}
