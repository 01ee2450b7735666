/* SPDX-License-Identifier: MIT */
/* Economy: coins move between treasury, purse and vault; none is created or lost. */
#include "session.h"

struct account {
    struct game_seen seen;
    int32_t purse;
    int32_t vault;
    int32_t moved;
    int32_t spare;
};

const size_t game_economy_session_bytes = sizeof(struct account);

/* A session's maximum: keeps every sum far inside its type. */
#define ACCOUNT_LIMIT 1000000000

static uint8_t transfer(struct game_state *state, struct account *account, uint8_t action,
                        int32_t coins)
{
    int64_t treasury = state->treasury;
    int64_t purse = account->purse;
    int64_t vault = account->vault;

    switch (action) {
    case GAME_EARN: treasury -= coins, purse += coins; break;
    case GAME_SPEND: treasury += coins, purse -= coins; break;
    case GAME_SAVE: purse -= coins, vault += coins; break;
    case GAME_WITHDRAW: vault -= coins, purse += coins; break;
    default: return GAME_BAD_ACTION;
    }
    if (coins <= 0 || purse + vault > ACCOUNT_LIMIT)
        return GAME_BAD_ACTION;
    if (treasury < 0 || purse < 0 || vault < 0)
        return GAME_NO_FUNDS;
    state->treasury = treasury;
    account->purse = (int32_t)purse;
    account->vault = (int32_t)vault;
    return GAME_DONE;
}

static uint8_t play(struct game_state *state, void *session, const struct game_request *request,
                    int32_t result[3])
{
    struct account *account = session;
    uint8_t code = transfer(state, account, request->header.code, request->a);

    if (code == GAME_DONE && account->moved < ACCOUNT_LIMIT)
        account->moved += request->a;
    result[0] = account->purse;
    result[1] = account->vault;
    result[2] = account->moved;
    return code;
}

int game_economy_handle(struct game_state *state, const uint8_t *msg, size_t len, uint8_t *answer,
                        size_t answer_cap, size_t *answer_len)
{
    return game_serve(state, GAME_ECONOMY, play, msg, len, answer, answer_cap, answer_len);
}

void game_economy_leave(struct game_state *state, const void *session)
{
    const struct account *account = session;

    state->treasury += (int64_t)account->purse + account->vault;
}

static void add_coins(const void *session, int64_t *sum)
{
    const struct account *account = session;

    *sum += (int64_t)account->purse + account->vault;
}

int game_economy_conserved(const struct game_state *state)
{
    int64_t sum = state->treasury;

    game_each_session(state, add_coins, &sum);
    return sum == state->coins;
}
