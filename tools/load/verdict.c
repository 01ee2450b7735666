/* SPDX-License-Identifier: MIT */
#include "verdict.h"

#include "common/tool.h"

#define LATE_SHARE 100 /* one message in this many may be late: a moment without the processor */

/* On connections that are not lost. */
static uint64_t unanswered(const struct player_board *total)
{
    uint64_t sent = total->tally.sent - total->tally.refused;

    if (total->faults.unheard > 0 && total->tally.matched == 0)
        return 0; /* reported as nobody listening */
    return sent - total->tally.matched - total->faults.cut;
}

static int holds(enum verdict verdict, const struct player_board *total)
{
    switch (verdict) {
    case VERDICT_NOBODY_LISTENS: return total->faults.unheard > 0;
    case VERDICT_CONNECTIONS_LOST: return total->faults.lost > 0;
    case VERDICT_LOAD_TOO_SLOW:
        return total->faults.unsent > 0 || total->pace.late > total->tally.sent / LATE_SHARE;
    case VERDICT_NOT_ANSWERED: return unanswered(total) + total->faults.unread > 0;
    case VERDICT_WRONG: return total->tally.corrupt + total->tally.duplicated > 0;
    default: return 1;
    }
}

enum verdict verdict_of(const struct player_board *total)
{
    enum verdict verdict = VERDICT_NOBODY_LISTENS;

    while (!holds(verdict, total))
        verdict++;
    return verdict;
}

const char *verdict_word(enum verdict verdict)
{
    static const char *const words[] = {
        "nobody_listens", "connections_lost", "load_too_slow", "not_answered", "wrong", "good",
    };

    return words[verdict];
}

static double late_percent(const struct player_board *total)
{
    return total->tally.sent == 0 ? 0
                                  : 100.0 * (double)total->pace.late / (double)total->tally.sent;
}

static void say(enum verdict verdict, const struct load_options *options,
                const struct player_board *total)
{
    const struct links_faults *faults = &total->faults;
    char at[TOOL_ADDRESS_BYTES];

    tool_address_text(options->target.host, options->target.port, at);
    switch (verdict) {
    case VERDICT_NOBODY_LISTENS:
        tool_error("nobody listens on %s: its machine refused messages %llu times: start the "
                   "gateway there, or correct --target",
                   at, (unsigned long long)faults->unheard);
        break;
    case VERDICT_CONNECTIONS_LOST:
        tool_error("%u connections were lost, and with them %llu messages: see why the gateway "
                   "closed them (net_closed_ in its --json)",
                   faults->lost, (unsigned long long)(faults->cut + faults->gone));
        break;
    case VERDICT_LOAD_TOO_SLOW:
        tool_error("this machine can't send %llu messages/s: %.1f %% were over %llu ms late, one "
                   "%llu ms, and %llu not sent: lower --rate, or stop other programs",
                   (unsigned long long)options->rate, late_percent(total),
                   (unsigned long long)(PACE_LATE_NS / 1000000),
                   (unsigned long long)(total->pace.late_max_ns / 1000000),
                   (unsigned long long)faults->unsent);
        break;
    case VERDICT_NOT_ANSWERED:
        tool_error("the gateway did not answer %llu messages and did not read %llu: it can't keep "
                   "up, or the network loses them: lower --rate, or see its counters",
                   (unsigned long long)unanswered(total), (unsigned long long)faults->unread);
        break;
    case VERDICT_WRONG:
        tool_error(
            "%llu answers were wrong and %llu were duplicates: look for a bug in the gateway",
            (unsigned long long)total->tally.corrupt, (unsigned long long)total->tally.duplicated);
        break;
    default: break;
    }
}

int verdict_say(const struct load_options *options, const struct player_board *total)
{
    const struct tally *tally = &total->tally;

    for (enum verdict each = VERDICT_NOBODY_LISTENS; each < VERDICT_GOOD; each++)
        if (holds(each, total))
            say(each, options, total);
    if (total->faults.unheard > 0 && tally->matched == 0)
        return 2;
    return tally->answered != tally->sent || tally->corrupt + tally->duplicated > 0;
}
