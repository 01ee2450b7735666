#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/demo: what it finds, shows and reports, with fake tools (tools.py), and one short run with the
real ones. Asserts counts and words, never times.
usage: test_demo.py BUILD"""

import contextlib
import fcntl
import io
import json
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import unittest
from unittest import mock

HERE = pathlib.Path(__file__).resolve().parent
DRIVER = HERE.parents[1] / "scripts" / "demo_driver"
sys.path.insert(0, str(DRIVER))
import main  # noqa: E402  # leads to bench/driver
import chart  # noqa: E402
import search  # noqa: E402
import system  # noqa: E402
import tools  # noqa: E402
import verdict  # noqa: E402

BUILD = sys.argv.pop()
COLUMNS = ("handoff", "strings", "none")
FAST = {"handoff": {"holds": 90_000, "p99_us": 2_000}, "strings": {"holds": 75_000, "p99_us": 5_000},
        "none": {"holds": 100_000, "p99_us": 2_000}}


class World(unittest.TestCase):
    """A build that holds the pretended tools."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        program = (HERE / "tools.py").read_text().split("\n", 1)[1]
        for tool in ("gateway", "load"):
            path = self.folder / "tools" / tool / f"handoff-{tool}"
            path.parent.mkdir(parents=True)
            path.write_text(f"#!{sys.executable} -SE\n{program}")
            path.chmod(0o755)
        self.json = self.folder / "run.json"
        self.chart = self.folder / "charts" / "run"

    def command(self, *options, build=None):
        return [sys.executable, str(HERE / "calm.py"), "--build", str(build or self.folder), "--json",
                str(self.json), "--chart", str(self.chart), *options]

    def demo(self, plans, *options, status=0, others=0, drawn=False):
        """One run without processes. Returns the report; what was printed is in self."""
        self.json.unlink(missing_ok=True)
        self.plans = tools.Plans(plans)

        def run(player, handoff, rate, seconds, _):
            return self.plans.figures(handoff, player.asked.transport, player.sessions(rate), rate,
                                      seconds), ""
        with contextlib.redirect_stdout(io.StringIO()) as printed, \
                contextlib.redirect_stderr(io.StringIO()) as said, \
                mock.patch.object(sys, "argv", ["demo", *self.command(*options)[2:]]), \
                mock.patch.object(main.Player, "run", run), \
                mock.patch.object(system.Others, "share", lambda _: others), \
                mock.patch.object(chart, "draw", chart.draw if drawn else mock.Mock()):
            try:
                result = main.main()
            except SystemExit as left:
                result = left.code
        self.said, self.printed = said.getvalue(), printed.getvalue()
        self.assertEqual(result, status, self.printed + self.said)
        return json.loads(self.json.read_text()) if self.json.exists() else None

    def processes(self, plans, *options, build=None):
        """One run as a user starts it."""
        return subprocess.run(self.command(*options, build=build), capture_output=True, text=True,
                              check=False, env={**os.environ, "PLAN": json.dumps(plans)})

    shared = {}

    def fast(self):
        """The report of demo(FAST), which is played once."""
        if not self.shared:
            self.shared.update(report=self.demo(FAST), printed=self.printed)
        self.printed = self.shared["printed"]
        return self.shared["report"]

    def row(self, title):
        """What the first line of a table with this title says of each column."""
        line = next(line for line in self.printed.splitlines() if line.startswith(title))
        return re.split(r" {2,}", line[len(title):].strip())


class Finding(World):
    def test_it_finds_what_the_machine_carries_and_what_each_holds(self):
        report = self.fast()
        self.assertLessEqual(report["carries"], 100_000)
        self.assertGreater(report["carries"], 100_000 / 1.1)
        for column in COLUMNS:
            rate = report["highest"][column]["rate"]
            self.assertLessEqual(rate, FAST[column]["holds"])
            self.assertGreater(rate, FAST[column]["holds"] / 1.06)
            self.assertEqual(report["highest"][column]["sessions"], round(rate / 6))
            self.assertEqual(report["at_rate"][column]["rate"], search.even(0.7 * report["carries"]))

    def test_the_share_can_be_chosen_and_tcp_has_fewer_sessions(self):
        report = self.demo(FAST, "--share", "0.5", "--transport", "tcp")
        rate = report["at_rate"]["none"]["rate"]
        self.assertEqual(rate, search.even(0.5 * report["carries"]))
        self.assertEqual(report["at_rate"]["none"]["sessions"], round(rate / 10))

    def test_a_slow_machine_is_found_by_stepping_down(self):
        report = self.demo({column: {"holds": 3_000} for column in COLUMNS})
        self.assertGreater(report["carries"], 3_000 / 1.1)
        self.assertLessEqual(report["carries"], 3_000)

    def test_nobody_has_an_advantage_of_its_place(self):
        runs = self.fast()["runs"]
        order = [run["handoff"] for run in runs if run["phase"].startswith("2")]
        self.assertEqual(order, ["handoff", "strings", "none", "strings", "none", "handoff",
                                 "none", "handoff", "strings", "handoff", "strings", "none",
                                 "strings", "none", "handoff"])
        steps = [run["handoff"] for run in runs if run["phase"].startswith("3")]
        self.assertEqual(steps[:9], order[:9])

    def test_a_machine_that_stands_still_once_limits_nobody(self):
        stalled = {"handoff": {**FAST["handoff"], "stalls": [5, 7]}, "strings": FAST["strings"],
                   "none": {**FAST["none"], "stalls": [1, 4]}}
        held = [report["highest"][column]["rate"]
                for report in (self.fast(), self.demo(stalled)) for column in COLUMNS]
        self.assertEqual(held[:3], held[3:])

    def test_a_late_load_is_not_held_though_nothing_is_lost(self):
        plans = {column: {**plan, "loses": 0} for column, plan in FAST.items()}
        report = self.demo(plans)
        self.assertLessEqual(report["carries"], 100_000)
        self.assertEqual(sum(run["lost"] for run in report["runs"]), 0)

    def test_a_search_ends_when_its_time_is_up(self):
        each = search.Search(1_000, 2, 1.1)
        search.find(lambda column, rate: self.fail("played"), {"none": each}, 0)
        self.assertIsNone(each.best)


class Saying(World):
    def test_the_sentence_says_who_holds_how_much_at_which_latency(self):
        report = self.fast()
        highest = {column: report["highest"][column]["rate"] for column in COLUMNS}
        says = report["says"]
        self.assertEqual(self.printed.splitlines()[-1], says)
        self.assertTrue(says.startswith(
            f"Handoff holds {highest['handoff']:,} messages a second from "
            f"{round(highest['handoff'] / 6):,} sessions without loss, "
            f"{highest['handoff'] / highest['strings']:.2f} times what strings holds and "
            f"{highest['handoff'] / highest['none']:.2f} times what none holds; "), says)
        self.assertIn("its p99 is 2 ms, 0.40 of that of strings: 5 ms", says)

    def test_latencies_that_overlap_do_not_differ(self):
        plans = {**FAST, "strings": {**FAST["strings"], "p99_us": 2_000}}
        self.assertIn("p99 is 2 ms, no different from that of strings",
                      self.demo(plans, "--rate", "9000")["says"])
        plans["strings"]["p99_us"] = 1_000
        self.assertIn("p99 is 2 ms, longer than that of strings", self.demo(plans, "--rate", "9000")["says"])

    def test_where_the_load_lost_the_loss_is_in_per_cent_and_no_latency_is_shown(self):
        report = self.demo({**FAST, "strings": {"holds": 50_000}}, "--rate", "60000")
        lost = report["at_rate"]["strings"]["lost_percent"]
        self.assertAlmostEqual(lost, 100 / 6)
        self.assertEqual(self.row("lost, %"), ["0.00", "16.67", "0.00"])
        self.assertEqual(self.row("latency p50, ms")[1], "not sustained")
        self.assertEqual(self.row("latency p99, ms")[1], "not sustained")
        self.assertIn("where strings loses 16.67 %", report["says"])

    def test_where_the_load_lagged_no_latency_is_shown(self):
        report = self.demo({**FAST, "strings": {"holds": 50_000, "loses": 0}}, "--rate", "60000")
        self.assertEqual(self.row("lost, %"), ["0.00"] * 3)
        self.assertEqual(self.row("latency p99, ms")[1], "not sustained")
        self.assertIn("where strings lags", report["says"])

    def test_a_machine_that_is_too_slow_is_told_apart(self):
        report = self.demo({"none": {"holds": 0}}, status=verdict.CANNOT_COMPARE)
        self.assertIn("too slow to compare", report["says"])
        self.assertEqual({run["handoff"] for run in report["runs"]}, {"none"})

    def test_a_machine_that_no_longer_holds_a_share_of_what_it_held_is_too_noisy(self):
        # The first look takes 6 runs: held, twice not, three middles.
        plans = {**FAST, "none": {"holds": 100_000, "then": 50_000, "after": 9}}
        report = self.demo(plans, status=verdict.CANNOT_COMPARE)
        self.assertIn("too noisy to compare: none, which had held", report["says"])
        self.assertEqual(self.printed.splitlines()[-1], report["says"])

    def test_a_machine_that_holds_less_later_is_too_noisy(self):
        plans = {**FAST, "none": {"holds": 100_000, "then": 70_000, "after": 9}}
        report = self.demo(plans, status=verdict.CANNOT_COMPARE)
        self.assertRegex(report["says"], "too noisy to compare: none held .* at first and")

    def test_a_machine_that_works_for_others_is_too_noisy(self):
        report = self.demo(FAST, "--rate", "20000", status=verdict.CANNOT_COMPARE,
                           others=0.11)
        self.assertIn("too noisy to compare: other work took 11 % of its processors", report["says"])

    def test_a_machine_whose_runs_differ_is_too_noisy(self):
        report = self.demo({**FAST, "handoff": {"holds": 90_000, "stalls": [1, 2, 4]}}, "--rate",
                           "20000", status=verdict.CANNOT_COMPARE)
        self.assertIn("handoff held 20,000 messages a second in 2 of 5 runs", report["says"])

    def test_a_run_or_two_that_stood_still_do_not_decide(self):
        for stalls, says in ((1, "0.40 of that of strings: 5 ms"),
                             (2, "no different from that of strings: 5 ms")):
            plans = {column: {**FAST[column], "stalls": [*range(at, at + stalls)]}
                     for at, column in enumerate(COLUMNS, 1)}
            report = self.demo(plans, "--rate", "20000")
            self.assertIn(f"its p99 is 2 ms, {says}", report["says"])
            self.assertEqual(self.row("runs that held it"), [str(5 - stalls)] * 3)

    def test_handoff_that_does_not_hold_what_none_holds_has_failed(self):
        report = self.demo({**FAST, "handoff": {"holds": 40_000}}, "--rate", "60000",
                           status=verdict.FAILED)
        self.assertRegex(report["says"], r"a second it loses .* %\.")

    def test_a_wrong_answer_is_a_fault_and_no_limit(self):
        for faults, what in (({"corrupt": 3, "duplicated": 2}, "3 wrong answers, 2 duplicate answers"),
                             ({"outstanding": 4}, "4 buffers that were not returned"),
                             ({"conserved": 0}, "messages of a session were mixed up")):
            self.assertIsNone(self.demo({**FAST, "strings": {"faults": faults}}, "--rate", "9000",
                                        status=1))
            self.assertIn(f"demo: strings: {what} at 9,000", self.said)


class Fixed(World):
    def test_a_rate_and_sessions_that_are_asked_for_are_played_and_nothing_is_looked_for(self):
        report = self.demo(FAST, "--sessions", "700", "--rate", "20000", "--seconds", "2")
        self.assertEqual([(run["rate"], run["sessions"], run["seconds"]) for run in report["runs"]],
                         [(20_000, 700, 2)] * 15)
        self.assertIn("at 20,000 a second its p99 is 2 ms", report["says"].lower())

    def test_one_of_them_gives_the_other(self):
        self.assertEqual(self.demo(FAST, "--sessions", "700")["runs"][0]["rate"], 4_200)
        self.assertEqual(self.demo(FAST, "--rate", "6000")["runs"][0]["sessions"], 1_000)

    def test_a_rate_that_the_machine_does_not_carry_compares_nothing(self):
        report = self.demo(FAST, "--rate", "200000", status=verdict.CANNOT_COMPARE)
        self.assertRegex(report["says"], r"for 200,000 messages a second: even none loses 50\.00 %")

    def test_one_column_can_be_played_alone(self):
        report = self.demo(FAST, "--rate", "20000", "--handoff", "strings")
        self.assertEqual([run["handoff"] for run in report["runs"]], ["strings"] * 5)
        self.assertFalse(self.chart.parent.exists())


class Surroundings(World):
    def test_files_that_can_not_be_written_are_named_before_anything_is_played(self):
        for option, path in (("--json", self.folder), ("--json", "/proc/none/run.json"),
                             ("--chart", "/proc/run"), ("--json", HERE / "tools.py" / "run.json")):
            self.demo(FAST, option, str(path), status=1)
            self.assertRegex(self.said, f"^demo: cannot write '{path}[^']*': .*: give {option} a file")
            self.assertEqual(self.plans.runs, {})

    def test_wrong_options_have_a_status_of_their_own(self):
        for options in (("--share", "1.1"), ("--share", "none"), ("--rate", "0"), ("--speed", "1"),
                        ("--handoff", "none", "--workers", "2")):
            self.demo(FAST, *options, status=2)
            self.assertRegex(self.said, r"^demo: .*: see scripts/demo --help\n$")

    def test_it_is_quiet_in_a_pipe(self):
        done = self.processes(FAST, "--rate", "9000")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertNotIn("\r", done.stdout)

    def test_a_terminal_shows_the_phases_and_the_load_on_one_line(self):
        try:
            ours, theirs = pty.openpty()
        except OSError as problem:
            self.skipTest(f"no terminal can be made here: {problem}")
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 25, 80, 0, 0))
        with subprocess.Popen(self.command(), stdout=subprocess.DEVNULL, stderr=theirs,
                              env={**os.environ, "PLAN": json.dumps(FAST)}) as demo:
            os.close(theirs)
            shown = b""
            while True:
                try:
                    part = os.read(ours, 4096)
                except OSError:  # the other end is closed
                    break
                shown += part
        os.close(ours)
        self.assertEqual(demo.returncode, 0)
        shown = shown.decode()
        self.assertNotIn("\n", shown)
        for text in ("1 of 3, what this machine carries: none, 64,000/s:   1 s  sent   64000/s",
                     "2 of 3, all at one rate: strings, ", "3 of 3, the highest rate of each: handoff, "):
            self.assertIn("\r\033[K" + text, shown)
        self.assertTrue(shown.endswith("\r\033[K"))
        self.assertEqual(max(map(len, shown.split("\r\033[K"))), 79)

    def test_the_chart_has_sessions_p50_and_p99_of_all_three(self):
        report = self.demo({**FAST, "strings": {"holds": 50_000}}, drawn=True)
        drawn = self.chart.with_suffix(".svg").read_text()
        for text in ("sessions held without loss", "p50, ms", "p99, ms", "not sustained", *COLUMNS,
                     *(f"{report['highest'][column]['sessions']:,}" for column in COLUMNS)):
            self.assertIn(text, drawn)
        self.assertTrue(self.chart.with_suffix(".png").read_bytes().startswith(b"\x89PNG"))
        done = subprocess.run([sys.executable, str(HERE.parent / "check_pictures.py"), self.chart.with_suffix(".svg")],
                              capture_output=True, text=True, check=False)
        self.assertIn(done.returncode, (0, 77), done.stderr)  # 77: its font is not here

    def test_tools_that_do_not_start_are_named(self):
        (self.folder / "tools/gateway/handoff-gateway").write_text("#!/bin/sh\necho broken >&2\n")
        done = self.processes(FAST, "--rate", "9000")
        self.assertEqual((done.returncode, done.stderr),
                         (1, "demo: handoff: no figures: broken\n"))


class Real(World):
    def use_real_tools(self):
        """A load that is as patient as a busy machine asks for."""
        for tool, more in (("gateway", ""), ("load", "--grace 60")):
            real = pathlib.Path(BUILD, "tools", tool, f"handoff-{tool}").absolute()
            (self.folder / "tools" / tool / real.name).write_text(f"#!/bin/sh\nexec '{real}' {more} \"$@\"\n")

    def test_every_message_over_the_real_tools_has_its_answer(self):
        self.use_real_tools()
        for options, runs in (((), 15), (("--transport", "tcp", "--handoff", "handoff"), 5)):
            # The machine may stand still for a moment, which makes the latency say nothing: 3, or 1.
            done = self.processes({}, "--sessions", "60", "--rate", "600", "--seconds", "1", *options)
            report = json.loads(self.json.read_text())
            self.assertEqual((len(report["runs"]), done.returncode, done.stderr),
                             (runs, report["status"], ""))
            for run in report["runs"]:
                copies = 4 if run["handoff"] == "strings" else 0
                self.assertEqual([run[key] for key in (
                    "sent", "received", "answered", "lost", "copies_per_message")],
                    [600, 600, 600, 0, copies])


if __name__ == "__main__":
    unittest.main()
