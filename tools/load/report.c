/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/json.h"
#include "verdict.h"

static uint64_t larger(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

void report_merge(struct player_board *into, const struct player_board *from)
{
    into->faults.unsent += from->faults.unsent;
    into->faults.unheard += from->faults.unheard;
    into->faults.unread += from->faults.unread;
    into->faults.gone += from->faults.gone;
    into->faults.cut += from->faults.cut;
    into->faults.lost += from->faults.lost;
    into->pace.late += from->pace.late;
    into->pace.late_max_ns = larger(into->pace.late_max_ns, from->pace.late_max_ns);
    into->pace.sending_ns = larger(into->pace.sending_ns, from->pace.sending_ns);
    into->tally.sent += from->tally.sent;
    into->tally.refused += from->tally.refused;
    into->tally.matched += from->tally.matched;
    into->tally.corrupt += from->tally.corrupt;
    into->tally.duplicated += from->tally.duplicated;
    into->tally.reordered += from->tally.reordered;
    into->tally.answered += from->tally.answered;
    histogram_merge(&into->tally.latency_ns, &from->tally.latency_ns);
}

static double latency_us(const struct tally *tally, double fraction)
{
    return (double)histogram_percentile(&tally->latency_ns, fraction) / 1e3;
}

static double children_cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static const char *transport_name(const struct load_options *options)
{
    return options->transport == LOAD_TCP ? "tcp" : "udp";
}

static void print(const struct load_options *options, const struct player_board *total)
{
    const struct tally *tally = &total->tally;

    printf("%s, %u sessions in %u processes, %llu messages/s for %llu s\n", transport_name(options),
           options->sessions, options->processes, (unsigned long long)options->rate,
           (unsigned long long)options->seconds);
    printf("  sent %llu  answered %llu  lost %llu  corrupt %llu  duplicated %llu  reordered %llu\n",
           (unsigned long long)tally->sent, (unsigned long long)tally->answered,
           (unsigned long long)(tally->sent - tally->matched), (unsigned long long)tally->corrupt,
           (unsigned long long)tally->duplicated, (unsigned long long)tally->reordered);
    printf("  over %llu ms late when sent %llu  refused by this machine %llu, by the target %llu  "
           "connections lost %u\n",
           (unsigned long long)(PACE_LATE_NS / 1000000), (unsigned long long)total->pace.late,
           (unsigned long long)total->faults.unsent, (unsigned long long)total->faults.unheard,
           total->faults.lost);
    printf("  latency from the due time, us: p50 %.0f  p99 %.0f  p99.9 %.0f  max %.0f\n",
           latency_us(tally, 0.5), latency_us(tally, 0.99), latency_us(tally, 0.999),
           latency_us(tally, 1));
}

static int write_json(const struct load_options *options, const struct player_board *total)
{
    const struct tally *tally = &total->tally;
    struct json *json = json_new();

    json_text(json, "transport", transport_name(options));
    json_count(json, "sessions", options->sessions);
    json_count(json, "rate", options->rate);
    json_count(json, "seconds", options->seconds);
    json_count(json, "load_processes", options->processes);
    json_count(json, "seed", options->seed);
    json_count(json, "sent", tally->sent);
    json_count(json, "answered", tally->answered);
    json_count(json, "lost", tally->sent - tally->matched);
    json_count(json, "corrupt", tally->corrupt);
    json_count(json, "duplicated", tally->duplicated);
    json_count(json, "reordered", tally->reordered);
    json_count(json, "refused", tally->refused);
    json_text(json, "verdict", verdict_word(verdict_of(total)));
    json_count(json, "unsent", total->faults.unsent);
    json_count(json, "unheard", total->faults.unheard);
    json_count(json, "unread", total->faults.unread);
    json_count(json, "connections_lost", total->faults.lost);
    json_count(json, "lost_with_connections", total->faults.cut + total->faults.gone);
    json_count(json, "late", total->pace.late);
    json_real(json, "late_max_us", (double)total->pace.late_max_ns / 1e3);
    json_real(json, "sending_seconds", (double)total->pace.sending_ns / 1e9);
    json_real(json, "p50_us", latency_us(tally, 0.5));
    json_real(json, "p99_us", latency_us(tally, 0.99));
    json_real(json, "p999_us", latency_us(tally, 0.999));
    json_real(json, "max_us", latency_us(tally, 1));
    json_real(json, "load_cpu_seconds", children_cpu_seconds());
    return json_write(json, options->json);
}

int report(const struct load_options *options, const struct player_board *total)
{
    if (options->json == NULL || strcmp(options->json, "-") != 0)
        print(options, total);
    int written = options->json == NULL ? 0 : write_json(options, total);
    int status = verdict_say(options, total);
    return status == 0 && written != 0 ? 1 : status;
}
