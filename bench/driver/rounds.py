# SPDX-License-Identifier: MIT
"""Runs: every contestant once in each round, in an order that turns, each in a process of its own."""

import json
import os
import pathlib
import resource
import statistics
import subprocess

from common import Failure
from contestants import BOUND, PEER

RUN_SECONDS_MOST = 60


def sleeps():
    """Of all programs that were run and have ended: how often a thread of theirs went to sleep."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_nvcsw


def run(build, contestant, scenario, amount):
    """One run: the figures as the program printed them, and how often its threads went to sleep."""
    env = dict(os.environ)
    if contestant.preload:
        env["LD_PRELOAD"] = contestant.preload
    command = [str(pathlib.Path(build, "bench", f"bench-{contestant.program}")), scenario, *amount]
    slept = sleeps()
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False,
                              timeout=RUN_SECONDS_MOST)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"{contestant.name}: '{scenario}' did not end in {late.timeout:.0f} s: "
                      f"run '{' '.join(command)}' by hand") from late
    if done.returncode != 0:
        raise Failure(f"{contestant.name}: '{scenario}' failed ({done.stderr.strip()}): "
                      f"run '{' '.join(command)}' by hand")
    figures = json.loads(done.stdout.splitlines()[-1])  # a peer may greet first
    return {**figures, "sleeps": sleeps() - slept}


def play(build, contestants, scenario, amount, rounds, progress):
    """{contestant: [figures of each round]}"""
    names = list(contestants)
    figures = {contestant: [] for contestant in names}
    for number in range(rounds):
        turn = number % len(names)
        for contestant in names[turn:] + names[:turn]:
            progress(f"{scenario}, round {number + 1} of {rounds}: {contestant.name}")
            figures[contestant].append(run(build, contestant, scenario, amount))
    return figures


def value_key(scenario):
    return "p50_ns" if scenario in ("latency", "wake") else "per_second"


def ratio(values, others):
    """The median of the ratios of each round; None without the other."""
    if not others:
        return None
    return statistics.median(mine / other for mine, other in zip(values, others))


def summary(scenario, figures):
    """One object per contestant: median, spread, and the ratios to the bound and to the best peer."""
    key = value_key(scenario)
    best = max if key == "per_second" else min
    values = {contestant: [run[key] for run in runs] for contestant, runs in figures.items()}
    bound = next((v for c, v in values.items() if c.kind == BOUND), None)
    peers = [v for c, v in values.items() if c.kind == PEER]
    best_peer = [best(of_round) for of_round in zip(*peers)]
    result = []
    for contestant, runs in figures.items():
        mine = values[contestant]
        line = {
            "contestant": contestant.name,
            "kind": contestant.kind,
            "unit": key,
            "median": statistics.median(mine),
            "min": min(mine),
            "max": max(mine),
            "of_bound": ratio(mine, bound),
            "of_best_peer": ratio(mine, best_peer),
            "messages": sum(run["received"] for run in runs),
            "lost": sum(run["sent"] - run["received"] for run in runs),
            "sleeps_each": statistics.median(run["sleeps"] / run["sent"] for run in runs),
            "peak_bytes": statistics.median(run["peak_bytes"] for run in runs),
            "runs": mine,
        }
        for percentile in ("p99_ns", "p999_ns"):
            if percentile in runs[0]:
                line[percentile] = statistics.median(run[percentile] for run in runs)
        result.append(line)
    return result
