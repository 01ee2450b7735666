/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* nanosleep */
#include "player.h"

#include <linux/sched/types.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/tool.h"
#include "links.h"
#include "workload.h"

#define SEND_AT_ONCE 64           /* then look for answers, whatever is still due */
#define TICK_NS 100000            /* arrivals closer than this share a wake-up */
#define TURN_NS 100000            /* processor time that it asks for at once */
#define LONGEST_WAIT_NS 10000000u /* so that the live line stays fresh */
#define WARM_NS 500000000u        /* its latencies are not counted, everything else is */

struct player {
    const struct load_options *options;
    struct player_board *board;
    struct ledger *ledger;
    struct links *links;
    struct workload workload;
    uint32_t first_session;
    uint32_t sessions;
    uint8_t frame[LINKS_HEADROOM + GAME_FRAME_MAX];
};

/* Start of process `index`'s share: shares differ by at most one. */
static uint64_t share(uint64_t all, uint32_t index, uint32_t processes)
{
    return all * index / processes;
}

static int on_frame(void *context, uint32_t link, const uint8_t *frame, size_t len)
{
    struct player *player = context;
    uint32_t per_socket = player->options->sessions_per_socket;

    return ledger_answer(player->ledger, frame, len, tool_now_ns(), link * per_socket, per_socket,
                         &player->board->tally);
}

static void publish(struct player_board *board)
{
    atomic_store_explicit(&board->sent, board->tally.sent, memory_order_relaxed);
    atomic_store_explicit(&board->matched, board->tally.matched, memory_order_relaxed);
}

static void keep_pace(struct player *player, uint64_t due_ns, uint64_t now_ns)
{
    struct pace *pace = &player->board->pace;
    uint64_t late_ns = now_ns - due_ns;

    pace->late += late_ns > PACE_LATE_NS;
    pace->late_max_ns = late_ns > pace->late_max_ns ? late_ns : pace->late_max_ns;
    pace->sending_ns = now_ns - player->workload.start_ns;
}

/* Sends what is due. Returns when the next one is. */
static uint64_t send_due(struct player *player)
{
    struct tally *tally = &player->board->tally;
    uint8_t *frame = player->frame + LINKS_HEADROOM;
    uint64_t now_ns = tool_now_ns();

    for (int i = 0; i < SEND_AT_ONCE; i++) {
        struct arrival arrival = workload_next(&player->workload);
        if (arrival.due_ns > now_ns)
            return arrival.due_ns;
        workload_advance(&player->workload);
        keep_pace(player, arrival.due_ns, now_ns);
        size_t len = ledger_send(player->ledger, arrival.local_session, arrival.service,
                                 arrival.due_ns, frame, tally);
        uint32_t link = arrival.local_session / player->options->sessions_per_socket;
        if (links_send(player->links, link, frame, len) != 0)
            tally->refused++;
    }
    return now_ns;
}

/*
 * Waits until next_ns and receives what arrives. When arrivals are dense it sleeps for a tick
 * without watching the sockets, then receives everything at once: waking for every answer would
 * double the cost of a message, on processors that the gateway needs. The figures include what a
 * tick adds to the latency.
 */
static void pass_time(struct player *player, uint64_t next_ns)
{
    struct timespec tick = {.tv_nsec = TICK_NS};
    uint64_t now_ns = tool_now_ns();
    uint64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;

    if (wait_ns > 0 && wait_ns < TICK_NS) {
        nanosleep(&tick, NULL);
        wait_ns = 0;
    }
    links_receive(player->links, wait_ns < LONGEST_WAIT_NS ? wait_ns : LONGEST_WAIT_NS);
    publish(player->board);
}

static int all_answered(const struct tally *tally)
{
    return tally->matched + tally->refused == tally->sent;
}

static void play(struct player *player)
{
    const struct tally *tally = &player->board->tally;
    uint64_t next_ns = 0;

    while ((next_ns = send_due(player)) != UINT64_MAX)
        pass_time(player, next_ns);
    uint64_t end_ns = tool_now_ns() + player->options->grace_s * 1000000000;
    while (!all_answered(tally) && tool_now_ns() < end_ns)
        pass_time(player, end_ns);
    links_sweep(player->links);
    publish(player->board);
}

/* Divides sessions by whole sockets, so that no two processes share one. */
static void take_share(struct player *player, uint32_t index)
{
    const struct load_options *options = player->options;
    uint32_t per_socket = options->sessions_per_socket;
    uint64_t sockets = (options->sessions + per_socket - 1) / per_socket;
    uint64_t first = share(sockets, index, options->processes) * per_socket;
    uint64_t end = share(sockets, index + 1, options->processes) * per_socket;

    player->first_session = (uint32_t)first;
    player->sessions = (uint32_t)((end < options->sessions ? end : options->sessions) - first);
}

static int prepare(struct player *player)
{
    const struct load_options *options = player->options;
    uint32_t per_socket = options->sessions_per_socket;
    /* As many as a session sends while an answer may still come, rounded up twice. */
    uint64_t window = options->rate * options->grace_s / options->sessions + 2;

    workload_text_init(options->seed);
    player->ledger = ledger_create(options->seed, player->first_session, player->sessions,
                                   (uint32_t)window, options->may_overtake);
    if (player->ledger == NULL) {
        tool_error("no memory for %u sessions: ask for fewer, or a lower rate", player->sessions);
        return -1;
    }
    player->links =
        links_open(options, (player->sessions + per_socket - 1) / per_socket, on_frame, player);
    return player->links == NULL ? -1 : 0;
}

static void await_start(struct player *player)
{
    const struct load_options *options = player->options;
    struct player_board *board = player->board;
    struct timespec pause = {.tv_nsec = 1000000};
    uint64_t all = options->rate * options->seconds;
    uint64_t from = all * player->first_session / options->sessions;
    uint64_t to = all * (player->first_session + player->sessions) / options->sessions;
    uint64_t start_ns = 0;

    atomic_store_explicit(&board->ready, 1, memory_order_release);
    while ((start_ns = atomic_load_explicit(&board->start_ns, memory_order_acquire)) == 0)
        nanosleep(&pause, NULL);
    workload_init(&player->workload, workload_mix(options->seed + player->first_session),
                  player->sessions, to - from, options->seconds, start_ns);
    board->tally.warm_until_ns = start_ns + WARM_NS;
}

/*
 * Real players have their own machines; here they share one with the gateway. Short time slices
 * make the kernel schedule the load promptly, so that less of a latency is the load waiting for a
 * processor. Its share of the processors stays the same. Kernels before 6.12 ignore it.
 */
static void ask_for_short_turns(void)
{
    struct sched_attr wish = {
        .size = sizeof wish, .sched_nice = getpriority(PRIO_PROCESS, 0), .sched_runtime = TURN_NS};

    prctl(PR_SET_TIMERSLACK, 1); /* wake at the due time, not up to 50 us later */
    syscall(SYS_sched_setattr, 0, &wish, 0);
}

int player_run(const struct load_options *options, uint32_t index, struct player_board *board)
{
    struct player player = {.options = options, .board = board};

    ask_for_short_turns();
    take_share(&player, index);
    int status = prepare(&player);
    if (status == 0) {
        await_start(&player);
        play(&player);
        board->faults = links_faults(player.links);
    }
    links_close(player.links);
    ledger_destroy(player.ledger);
    return status == 0 ? 0 : 1;
}
