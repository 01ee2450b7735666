# SPDX-License-Identifier: MIT
"""Cost per message and peak memory as a run gets ten and a hundred times as long."""

import statistics

import rounds

FIRST = 500_000  # messages
TIMES = (1, 10, 100)
GROWING = ("bound", "handoff_batch", "handoff_single")


def spread(values):
    """The upper quartile of the lower one."""
    if len(values) < 2:
        return 1.0
    lower, _, upper = statistics.quantiles(values, n=4)
    return upper / lower


def measure(build, found, number_of_rounds, progress, first=FIRST):
    """One object per contestant and length of the run."""
    growing = [c for c in found if c.program in GROWING]
    runs = {(c, times): [] for c in growing for times in TIMES}
    for number in range(number_of_rounds):
        for contestant, times in runs:
            progress(f"{times * first:,} messages, round {number + 1}: {contestant.name}")
            runs[contestant, times].append(rounds.run(
                build, contestant, "throughput", ("--messages", str(times * first))))
    lines = []
    for contestant in growing:
        shortest = runs[contestant, TIMES[0]]
        for times in TIMES:
            mine = runs[contestant, times]
            each = [1e9 / run["per_second"] for run in mine]
            lines.append({
                "contestant": contestant.name,
                "messages": times * first,
                "times": times,
                "ns_each": statistics.median(each),
                "min": min(each),
                "max": max(each),
                "noise": spread(each),
                "peak_bytes": statistics.median(run["peak_bytes"] for run in mine),
                "cost_ratio": statistics.median(
                    short["per_second"] / long["per_second"] for short, long in zip(shortest, mine)),
                "peak_ratio": statistics.median(
                    long["peak_bytes"] / short["peak_bytes"] for short, long in zip(shortest, mine)),
            })
    return lines


def noise(lines, contestant):
    """By how much runs of one and the same length differ, at worst."""
    return max(line["noise"] for line in lines if line["contestant"] == contestant)
