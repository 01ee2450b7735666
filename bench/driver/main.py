# SPDX-License-Identifier: MIT
"""What scripts/bench runs: builds, measures every contestant in every scenario, prints the tables,
writes JSON and plots. Standard library only."""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

import contestants
import costs
import goals
import growth
import instructions
import plots
import rounds
import story
import story_tables
import tables
import tuning
import tuning_tables

BUILD = "build/release"
RESULTS = "bench/results"
ROUNDS = 7
PARTS = ("growth", "costs", "instructions", "story", "tuning")  # besides the scenarios
QUICK = ("throughput", "keep", "latency")
QUICK_MS = 40
FULL_MS = 150


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"bench: {message}: see scripts/bench --help\n")


def whole(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 1 up")
    return int(text)


def arguments():
    parser = Parser(prog="scripts/bench", allow_abbrev=False, description=(
        "Measures handoff beside what a user would pick instead and beside the physical bound. "
        "Builds a release first. Without options: everything, about 20 minutes."))
    parser.add_argument("--quick", action="store_true", help=(
        f"only {', '.join(QUICK)}; at most 60 s once it is built"))
    parser.add_argument("--scenario", action="append", choices=tuple(tables.TITLES),
                        help="only this one; may be repeated")
    parser.add_argument("--only", action="append", metavar="TEXT", help=(
        "only contestants whose name contains TEXT; may be repeated"))
    parser.add_argument("--rounds", type=whole, default=ROUNDS, help=f"default {ROUNDS}")
    parser.add_argument("--ms", type=whole, help="how long a run sends")
    parser.add_argument("--growth", action="store_true", help=(
        "only cost per message and memory as messages grow 10 and 100 times"))
    parser.add_argument("--costs", action="store_true", help=(
        "only memory of producers, consumers and lanes, and what an idle consumer uses"))
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


class Progress:
    """A live line on a terminal; nothing elsewhere."""

    def __init__(self):
        self.shown = sys.stderr.isatty()

    def __call__(self, text):
        if self.shown:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def end(self):
        self("")


def build():
    """Shows the build on a terminal; elsewhere only when it fails."""
    say("building a release")
    for step in (["cmake", "--preset", "release", "-DHANDOFF_BUILD_BENCH=ON"],
                 ["cmake", "--build", "--preset", "release", "-j", str(os.cpu_count())]):
        output = sys.stderr if sys.stderr.isatty() else subprocess.PIPE
        done = subprocess.run(step, stdout=output, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            sys.stderr.write(done.stdout or "")
            raise rounds.Failure(f"'{' '.join(step)}' failed (above): mend it and start again")


def machine():
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"processor": model, "cores": os.cpu_count(), "kernel": platform.release(),
            "load_before": os.getloadavg()[0]}


def wanted(asked):
    """The contestants to measure, and their scenarios."""
    found = contestants.present(asked.build, say)
    if asked.only:
        found = {c: can for c, can in found.items()
                 if any(text.lower() in c.name.lower() for text in asked.only)}
    if not found:
        raise rounds.Failure("no contestant is left: see the names with scripts/bench --quick")
    return found


def play_all(asked, found, progress):
    """{scenario: its summary}"""
    scenarios = asked.scenario or (QUICK if asked.quick else tuple(tables.TITLES))
    amount = ("--ms", str(asked.ms or (QUICK_MS if asked.quick else FULL_MS)))
    summaries = {}
    for scenario in scenarios:
        able = [c for c, can in found.items() if scenario in can]
        if able:
            figures = rounds.play(asked.build, able, scenario, amount, asked.rounds, progress)
            summaries[scenario] = rounds.summary(scenario, figures)
    return summaries


def parts_of(asked):
    """What to measure; complains of what can't be, before anything is."""
    parts = [part for part in PARTS if getattr(asked, part)]
    if asked.scenario or asked.quick:
        parts.append("scenarios")
    parts = parts or ["scenarios", *PARTS]
    if "instructions" in parts and not instructions.possible():
        say("instructions are left out: install valgrind")
        parts.remove("instructions")
    if asked.plots and not plots.possible():
        raise rounds.Failure("no plots without gnuplot: install gnuplot-nox")
    if not parts:
        raise rounds.Failure("nothing is left to measure: see above")
    return parts


def measure(asked, parts, progress):
    """These parts, as one object."""
    started = time.monotonic()
    report = {"machine": machine(), "rounds": asked.rounds}
    found = wanted(asked) if "scenarios" in parts or "growth" in parts else {}
    if "scenarios" in parts:
        report["scenarios"] = play_all(asked, found, progress)
    if "growth" in parts:
        report["growth"] = growth.measure(asked.build, found, asked.rounds, progress)
    if "costs" in parts:
        report.update(costs.measure(asked.build, progress))
    if "instructions" in parts:
        report["instructions"] = instructions.count(asked.build, progress)
    if "story" in parts:
        report["story"] = story.tell(asked.build, asked.rounds, progress, say)
    if "tuning" in parts:
        amount = {"ms": asked.ms or FULL_MS}
        report["tuning"] = tuning.measure(asked.build, asked.rounds, amount, progress)
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
    if report.get("instructions"):
        print("\n".join(tables.instruction_lines(report["instructions"])))
    if report.get("story"):
        print("\n".join(story_tables.lines(report["story"])))
    if report.get("tuning"):
        print("\n".join(tuning_tables.lines(report["tuning"])))
    if report["goals"]:
        print("\n".join(tables.goal_lines(report["goals"])))


def write(path, report):
    text = json.dumps(report, indent=1) + "\n"
    if path == "-":
        sys.stdout.write(text)
        return
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_text(text, encoding="ascii")


def main():
    asked = arguments()
    progress = Progress()
    try:
        parts = parts_of(asked)
        if asked.build == BUILD:
            build()
        report = measure(asked, parts, progress)
        progress.end()
        show(report)
        if asked.json:
            write(asked.json, report)
        if asked.plots:
            plots.draw_all(asked.plots, report)
    except (rounds.Failure, OSError) as problem:
        progress.end()
        say(problem)
        return 1
    except KeyboardInterrupt:
        progress.end()
        say("interrupted: nothing was written")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
