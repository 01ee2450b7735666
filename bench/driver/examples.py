# SPDX-License-Identifier: MIT
"""What scripts/bench-examples runs: builds the example servers, plays each beside the same server without
handoff, prints the table. Standard library only."""

import json
import os
import pathlib
import statistics
import sys

import example_pairs
from common import Failure, Parser, machine, run, run_steps, whole, writable, write

BUILD = "build/examples"
ROUNDS = 9
COLUMNS = (("answers a second", 18), ("without handoff", 17), ("ratio", 8), ("lowest", 8), ("highest", 9),
           ("us each", 9), ("without", 9), ("ratio", 8))


def arguments():
    parser = Parser(prog="scripts/bench-examples", allow_abbrev=False, description=(
        "Measures each example server beside the same server without handoff, which answers on the thread that "
        "receives: answers a second, and the server's processor time for each. Both run in turn with the same "
        "client, which verifies every answer. Builds a release of the library and of the examples first."))
    parser.add_argument("--only", action="append", metavar="TEXT", help=(
        "only examples whose name contains TEXT; may be repeated"))
    parser.add_argument("--rounds", type=whole, default=ROUNDS, help=f"pairs of runs ({ROUNDS})")
    parser.add_argument("--messages", type=whole, help="of each peer; by default a run takes some seconds")
    parser.add_argument("--json", metavar="FILE", help="write every figure; - is stdout")
    parser.add_argument("--build", default=BUILD, metavar="FOLDER", help=(
        f"measure what was built there, a folder for each example; without it {BUILD} is built"))
    return parser.parse_args()


def say(text):
    print(f"bench-examples: {text}", file=sys.stderr, flush=True)


def build_all(folder, pairs):
    def steps(source, name, *options):
        return (["cmake", "-S", source, "-B", folder / name, "-DCMAKE_BUILD_TYPE=Release", *options],
                ["cmake", "--build", folder / name, "-j", os.cpu_count()])

    prefix = (folder / "prefix").resolve()
    run_steps(*steps(".", "handoff"), ["cmake", "--install", folder / "handoff", "--prefix", prefix])
    for name in ("echo_client", *(pair.name for pair in pairs)):
        run_steps(*steps(f"examples/{name}", name, f"-DCMAKE_PREFIX_PATH={prefix}"))


def wanted(asked):
    pairs = [pair for pair in example_pairs.PAIRS
             if not asked.only or any(text in pair.name for text in asked.only)]
    if not pairs:
        raise Failure(f"no example has that name: they are "
                      f"{', '.join(pair.name for pair in example_pairs.PAIRS)}")
    return pairs


def summary(pair, messages, runs):
    """One object; runs is {True: those without handoff, False: the others}, a run of each round."""
    def median(key, plain):
        return statistics.median(run[key] for run in runs[plain])

    def ratios(key):
        return [run[key] / other[key] for run, other in zip(runs[False], runs[True])]

    rates = ratios("per_second")
    return {"example": pair.name, "client": f"{pair.client} {pair.words}", "messages": messages,
            "per_second": median("per_second", False), "plain_per_second": median("per_second", True),
            "of_plain": statistics.median(rates), "lowest": min(rates), "highest": max(rates),
            "us_each": median("us_each", False), "plain_us_each": median("us_each", True),
            "us_of_plain": statistics.median(ratios("us_each")),
            "runs": runs[False], "plain_runs": runs[True]}


def measure(pairs, build, rounds, asked_messages, progress):
    """[the summary of each pair]. In each round all are played; who is first of a pair takes turns."""
    runs = {pair: {True: [], False: []} for pair in pairs}
    for number in range(rounds):
        for pair in pairs:
            for plain in (True, False) if number % 2 else (False, True):
                progress(f"round {number + 1} of {rounds}: {pair.name}{' without handoff' if plain else ''}")
                runs[pair][plain].append(pair.run(build, plain, asked_messages or pair.messages))
    return [summary(pair, asked_messages or pair.messages, runs[pair]) for pair in pairs]


def lines(measured):
    """The table."""
    yield f"{'':18}" + "".join(f"{head:>{width}}" for head, width in COLUMNS)
    for each in measured:
        cells = (f"{each['per_second']:,.0f}", f"{each['plain_per_second']:,.0f}", f"{each['of_plain']:.2f}",
                 f"{each['lowest']:.2f}", f"{each['highest']:.2f}", f"{each['us_each']:.2f}",
                 f"{each['plain_us_each']:.2f}", f"{each['us_of_plain']:.2f}")
        yield f"{each['example']:18}" + "".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, COLUMNS))


def bench(asked, progress):
    folder = pathlib.Path(asked.build)
    pairs = wanted(asked)
    if asked.json:
        writable("--json", asked.json)
    if asked.build == BUILD:
        say("building a release")
        build_all(folder, pairs)
    for pair in pairs:
        if not example_pairs.is_built(pair, folder):
            say(f"left out: {pair.name} is not in {folder}, or has no client here")
    report = {"machine": machine(), "rounds": asked.rounds}
    pairs = [pair for pair in pairs if example_pairs.is_built(pair, folder)]
    report["examples"] = measure(pairs, folder, asked.rounds, asked.messages, progress)
    progress.end()
    if asked.json != "-":
        print("\n".join(lines(report["examples"])))
    if asked.json:
        write(asked.json, json.dumps(report, indent=1) + "\n")


def main():
    return run(lambda progress: bench(arguments(), progress), say)


if __name__ == "__main__":
    sys.exit(main())
