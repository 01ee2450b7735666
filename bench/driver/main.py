# SPDX-License-Identifier: MIT
"""What scripts/bench runs: builds, measures every contestant in every scenario, prints the tables,
writes JSON and plots. Standard library only."""

import argparse
import json
import pathlib
import sys
import time

import contestants
import costs
import goals
import growth
import instructions
import plots
import pool_tables
import pools
import rounds
import story
import story_tables
import tables
import tuning
import tuning_tables
from common import Failure, Parser, build, machine, run, whole, writable, write

BUILD = "build/release"
RESULTS = "bench/results"
ROUNDS = 7
PARTS = ("growth", "costs", "pools", "instructions", "story", "tuning")  # besides the scenarios
QUICK = ("throughput", "keep", "latency")
QUICK_MS = 40
FULL_MS = 150


def arguments():
    parser = Parser(prog="scripts/bench", allow_abbrev=False, description=(
        "Measures handoff beside what a user would pick instead and beside the physical bound. "
        "Builds a release first. Without options: everything, about 30 minutes."))
    parser.add_argument("--quick", action="store_true", help=(
        f"only {', '.join(QUICK)}, at most 60 s once it is built; with --pools only pools, for less long, "
        "at most 90 s"))
    parser.add_argument("--scenario", action="append", choices=tuple(tables.TITLES),
                        help="only this one; may be repeated")
    parser.add_argument("--only", action="append", metavar="TEXT", help=(
        "only contestants whose name contains TEXT; may be repeated"))
    parser.add_argument("--rounds", type=whole,
                        help=f"default {ROUNDS}, of pools {pools.ROUNDS}")
    parser.add_argument("--ms", type=whole, help="how long a run sends")
    parser.add_argument("--growth", action="store_true", help=(
        "only cost per message and memory as messages grow 10 and 100 times"))
    parser.add_argument("--costs", action="store_true", help=(
        "only memory of producers, consumers and lanes, and what an idle consumer uses"))
    parser.add_argument("--pools", action="store_true", help=(
        "only objects out of pools beside allocators, at most 12 minutes"))
    parser.add_argument("--instructions", action="store_true", help="only count instructions")
    parser.add_argument("--story", action="store_true", help="only the game server's scenario")
    parser.add_argument("--tuning", action="store_true", help=(
        "only what an integrator may choose, one thing at a time; about 2 minutes"))
    parser.add_argument("--json", metavar="FILE", help="write every figure; - is stdout")
    parser.add_argument("--plots", nargs="?", const=RESULTS, metavar="FOLDER",
                        help=f"draw SVG and PNG into the folder ({RESULTS})")
    parser.add_argument("--build", default=BUILD, metavar="FOLDER", help=(
        f"measure what was built there; without it {BUILD} is built"))
    return parser.parse_args()


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def wanted(asked):
    """The contestants to measure, and their scenarios."""
    found = contestants.present(asked.build, say)
    if asked.only:
        found = {c: can for c, can in found.items()
                 if any(text.lower() in c.name.lower() for text in asked.only)}
    if not found:
        raise Failure("no contestant is left: see the names with scripts/bench --quick")
    return found


def rounds_of(asked):
    return asked.rounds or ROUNDS


def play_all(asked, found, progress):
    """{scenario: its summary}"""
    scenarios = asked.scenario or (QUICK if asked.quick else tuple(tables.TITLES))
    amount = ("--ms", str(asked.ms or (QUICK_MS if asked.quick else FULL_MS)))
    summaries = {}
    for scenario in scenarios:
        able = [c for c, can in found.items() if scenario in can]
        if able:
            figures = rounds.play(asked.build, able, scenario, amount, rounds_of(asked), progress)
            summaries[scenario] = rounds.summary(scenario, figures)
    return summaries


def parts_of(asked):
    """What to measure; complains of what can't be, before anything is."""
    parts = [part for part in PARTS if getattr(asked, part)]
    if asked.scenario or asked.quick and not asked.pools:
        parts.append("scenarios")
    parts = parts or ["scenarios", *PARTS]
    if "instructions" in parts and not instructions.possible():
        say("instructions are left out: install valgrind")
        parts.remove("instructions")
    if asked.plots and not plots.possible():
        raise Failure("no plots without gnuplot: install gnuplot-nox")
    if not parts:
        raise Failure("nothing is left to measure: see above")
    return parts


def measure(asked, parts, progress):
    """These parts, as one object."""
    started = time.monotonic()
    report = {"machine": machine(), "rounds": rounds_of(asked)}
    found = wanted(asked) if "scenarios" in parts or "growth" in parts else {}
    if "scenarios" in parts:
        report["scenarios"] = play_all(asked, found, progress)
    if "growth" in parts:
        report["growth"] = growth.measure(asked.build, found, rounds_of(asked), progress)
    if "costs" in parts:
        report.update(costs.measure(asked.build, progress))
    if "pools" in parts:
        report["pools"] = pools.measure(asked.build, asked.quick, asked.rounds, progress, say)
    if "instructions" in parts:
        report["instructions"] = instructions.count(asked.build, progress)
    if "story" in parts:
        report["story"] = story.tell(asked.build, rounds_of(asked), progress, say)
    if "tuning" in parts:
        amount = {"ms": asked.ms or FULL_MS}
        report["tuning"] = tuning.measure(asked.build, rounds_of(asked), amount, progress)
    report["goals"] = goals.reach(report)
    report["seconds"] = time.monotonic() - started
    return report


def show(report):
    for name, summary in report.get("scenarios", {}).items():
        print("\n".join(tables.scenario_lines(name, summary)))
    if report.get("growth"):
        print("\n".join(tables.growth_lines(report["growth"])))
    if report.get("state"):
        print("\n".join(tables.cost_lines(report["state"], report["idle"], report["straggler"])))
    if report.get("pools"):
        print("\n".join(pool_tables.lines(report["pools"], report["machine"])))
    if report.get("instructions"):
        print("\n".join(tables.instruction_lines(report["instructions"])))
    if report.get("story"):
        print("\n".join(story_tables.lines(report["story"])))
    if report.get("tuning"):
        print("\n".join(tuning_tables.lines(report["tuning"])))
    if report["goals"]:
        print("\n".join(tables.goal_lines(report["goals"])))


def bench(asked, progress):
    parts = parts_of(asked)
    if asked.json:
        writable("--json", asked.json)
    if asked.plots:
        writable("--plots", pathlib.Path(asked.plots, "growth.svg"))
    if asked.build == BUILD:
        say("building a release")
        build(["-DHANDOFF_BUILD_BENCH=ON"])
    report = measure(asked, parts, progress)
    progress.end()
    show(report)
    if asked.json:
        write(asked.json, json.dumps(report, indent=1) + "\n")
    if asked.plots:
        plots.draw_all(asked.plots, report)


def main():
    asked = arguments()
    return run(lambda progress: bench(asked, progress), say)


if __name__ == "__main__":
    sys.exit(main())
