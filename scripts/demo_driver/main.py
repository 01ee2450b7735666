# SPDX-License-Identifier: MIT
"""scripts/demo: builds a release, measures what this machine can carry, plays all handoffs and none in
turn, and reports the result. Standard library only."""

import argparse
import json
import pathlib
import signal
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "bench/driver"))

import chart  # noqa: E402
import gnuplot  # noqa: E402
import search  # noqa: E402
import system  # noqa: E402
import tables  # noqa: E402
import verdict  # noqa: E402
from common import (Failure, Parser, Progress, build, machine, whole,  # noqa: E402
                    writable, write)
from play import LAG_US, PACE, Player  # noqa: E402

BUILD = "build/release"
HANDOFFS = ("handoff", "strings", "none")
START = 64_000  # messages a second, tried first
STEP_SECONDS = 2  # of a run that searches for a rate
ROUNDS = 5
CARRIES_SECONDS = 60  # limit for finding what this machine can carry
ALL_SECONDS = 160  # limit for starting the last run


def share(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a share: give a number above 0, up to 1")
    return value


def arguments():
    parser = Parser(prog="scripts/demo", allow_abbrev=False, description=(
        "Builds a release, finds the highest rate that this machine can carry without a handoff, plays "
        "all three handoffs in turn at a share of it, finds the highest rate that each holds, and "
        "reports the result: under 3 minutes once it is built. A rate is held if nothing is lost and "
        f"the p99 is at most {LAG_US // 1000} ms; at the share, in most of its {ROUNDS} runs."), epilog="Exits 0 if it could compare, 1 if a run failed or handoff did not hold what none "
        "did, 2 for wrong options, 3 if this machine is too slow or too noisy to compare.")
    parser.add_argument("--transport", choices=("udp", "tcp"), default="udp")
    parser.add_argument("--share", type=share, default=0.7, help=(
        "share of what the machine can carry, at which all are compared (0.7)"))
    parser.add_argument("--sessions", type=whole, help=(
        f"play this many, without searching for a rate; a player sends {PACE['udp']} messages a second over "
        f"udp, {PACE['tcp']} over tcp, unless --rate is given"))
    parser.add_argument("--rate", type=whole, help="messages a second; play this rate, without searching for one")
    parser.add_argument("--seconds", type=whole, default=2, help=(
        f"how long each column's {ROUNDS} runs send (2)"))
    parser.add_argument("--workers", type=whole, help=(
        "threads per service (the gateway's default); not with none"))
    parser.add_argument("--handoff", choices=HANDOFFS, help=(
        "handoff: this library. strings: two std::string copies and a locked queue. none: the "
        "network thread answers messages itself: the cost of sockets, kernel and machine. Default: "
        "all three"))
    parser.add_argument("--json", metavar="FILE", help="write the figures of all runs to FILE")
    parser.add_argument("--chart", metavar="NAME", help=(
        "draw all three in NAME.svg and NAME.png (build/demo-udp or -tcp)"))
    parser.add_argument("--build", default=BUILD, metavar="FOLDER", help=(
        f"use the build in FOLDER; default: build {BUILD}"))
    asked = parser.parse_args()
    if asked.handoff == "none" and asked.workers:
        parser.error("--handoff none has no workers")
    asked.chart = asked.chart or f"build/demo-{asked.transport}"
    return asked


def say(text):
    print(f"demo: {text}", file=sys.stderr, flush=True)


def check(asked):
    """Fails early, before anything is built or played. Returns the maximum number of sessions."""
    if asked.json:
        writable("--json", asked.json)
    if not asked.handoff:
        for suffix in ("svg", "png"):
            writable("--chart", f"{asked.chart}.{suffix}")
        if not gnuplot.possible():
            raise Failure("gnuplot is missing: install gnuplot-nox")
    if asked.transport == "udp":
        system.raise_open_files()
        system.raise_socket_buffers(say)
        return 1_000_000
    most = system.raise_open_files()
    if asked.sessions and asked.sessions > most:
        raise Failure(f"{asked.sessions} TCP sessions need as many open files in the gateway, but "
                      f"the limit allows {most}: ask for fewer, or raise it (ulimit -n, limits.conf)")
    return most


def fixed_rate(asked):
    if asked.rate or asked.sessions:
        return asked.rate or asked.sessions * PACE[asked.transport]
    return None


def measure(asked, player, report):
    """Fills in what the machine can carry, all handoffs at one rate, and the highest rate of each."""
    began = time.monotonic()
    columns = [asked.handoff] if asked.handoff else list(HANDOFFS)
    rate = fixed_rate(asked)
    if not rate:
        def step(phase):
            return lambda column, rate: player(column, rate, STEP_SECONDS, phase)
        alone = search.Search(START, 2, 1.1)
        search.find(step("1 of 3, what this machine carries"), {"none": alone},
                    began + CARRIES_SECONDS)
        if not alone.best:
            return
        report["carries"] = alone.best["rate"]
        rate = search.even(asked.share * report["carries"])
    phase = f"{'' if report['fixed'] else '2 of 3, '}all at one rate"
    runs = search.side_by_side(
        lambda column, rate: player(column, rate, asked.seconds, phase), columns, rate, ROUNDS)
    report["at_rate"] = {column: verdict.summary(lines) for column, lines in runs.items()}
    if not report["fixed"]:
        searches = {column: search.Search(report["carries"], 1.25, 1.06) for column in columns}
        search.find(step("3 of 3, the highest rate of each"), searches, began + ALL_SECONDS)
        report["highest"] = {column: each.best for column, each in searches.items()}


def demo(asked, progress):
    sessions_most = check(asked)
    if asked.build == BUILD:
        if progress.shown:
            say("building a release")
        build(targets=("handoff-gateway", "handoff-load"))
    report = {"transport": asked.transport, "machine": machine(), "fixed": bool(fixed_rate(asked)),
              "lag_ms": LAG_US // 1000, "lowest": search.LOWEST, "share": asked.share,
              "rounds": ROUNDS, "seconds": asked.seconds, "carries": None, "at_rate": {},
              "highest": {}}
    began = time.monotonic()
    others = system.Others()
    with tempfile.TemporaryDirectory() as folder:
        player = Player(asked, sessions_most, folder, progress)
        measure(asked, player, report)
    report["others"] = others.share()
    report["says"], status = verdict.says(report)
    report.update(status=status, took_seconds=time.monotonic() - began, runs=player.runs)
    progress.end()
    print("\n".join([*tables.told(report), "", report["says"]]))
    if asked.json:
        write(asked.json, json.dumps(report, indent=1) + "\n")
    if report["at_rate"] and not asked.handoff:
        chart.draw(asked.chart, report)
    return status


def ended_by(number, _frame):
    raise Failure(f"ended by {signal.Signals(number).name}: nothing is left running")


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ended_by)
    progress = Progress()
    try:
        return demo(arguments(), progress)
    except (Failure, OSError) as failure:
        progress.end()
        say(failure)
        return verdict.FAILED


if __name__ == "__main__":
    sys.exit(main())
