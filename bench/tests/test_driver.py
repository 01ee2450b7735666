#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The driver: its ratios, its goals, what it says about a missing peer, and one run of the command.
usage: test_driver.py BUILD"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "driver"))

import contestants  # noqa: E402
import costs  # noqa: E402
import goals  # noqa: E402
import growth  # noqa: E402
import instructions  # noqa: E402
import main  # noqa: E402
import plots  # noqa: E402
import rounds  # noqa: E402
import tables  # noqa: E402

BUILD = sys.argv.pop()


def runs(key, *values):
    return [{key: value, "sent": 5, "received": 5, "peak_bytes": 1, "sleeps": 10}
            for value in values]


def field(names):
    kinds = {"bound": contestants.BOUND, "peer": contestants.PEER}
    return {name: contestants.Contestant(name, name, kinds.get(name[:5].rstrip("0123456789"),
                                                               contestants.OWN)) for name in names}


class Ratios(unittest.TestCase):
    def test_ratios_are_taken_per_round_and_the_median_of_them_counts(self):
        c = field(("bound", goals.BATCH))
        lines = rounds.summary("throughput", {
            c["bound"]: runs("per_second", 10, 20, 40), c[goals.BATCH]: runs("per_second", 5, 20, 10)})
        self.assertEqual(lines[1]["of_bound"], 0.5)
        self.assertEqual(lines[1]["median"], 10)
        self.assertEqual((lines[1]["min"], lines[1]["max"]), (5, 20))
        self.assertEqual(lines[1]["sleeps_each"], 2)

    def test_the_best_peer_is_the_best_of_its_round(self):
        c = field(("bound", "peer1", "peer2", goals.BATCH))
        lines = rounds.summary("throughput", {
            c["bound"]: runs("per_second", 8, 8, 8), c["peer1"]: runs("per_second", 1, 4, 1),
            c["peer2"]: runs("per_second", 4, 1, 2), c[goals.BATCH]: runs("per_second", 8, 8, 8)})
        self.assertEqual(lines[3]["of_best_peer"], 2)

    def test_the_best_latency_is_the_lowest(self):
        c = field(("peer1", "peer2", goals.SINGLE))
        lines = rounds.summary("latency", {
            c["peer1"]: runs("p50_ns", 300), c["peer2"]: runs("p50_ns", 500),
            c[goals.SINGLE]: runs("p50_ns", 150)})
        self.assertEqual(lines[2]["of_best_peer"], 0.5)
        self.assertIsNone(lines[2]["of_bound"])

    def test_goals_are_reached_in_their_direction(self):
        lines = [{"contestant": goals.SINGLE, "of_bound": 0.9, "of_best_peer": 1.2, "runs": [1]}]
        found = goals.reach({"scenarios": {"throughput": lines}})
        self.assertEqual([goal["reached"] for goal in found], [True, False])
        lines[0].update(of_bound=1.2, of_best_peer=0.6)
        found = goals.reach({"scenarios": {"latency": lines}})
        self.assertEqual([goal["reached"] for goal in found], [False, True])

    def test_what_is_wanted_of_the_bound_depends_on_the_maker_of_the_processor(self):
        lines = [{"contestant": goals.SINGLE, "of_bound": 0.5, "of_best_peer": None, "runs": [1]}]
        for processor, reached in (("Intel(R) Xeon(R)", False), ("AMD EPYC", True)):
            found = goals.reach({"machine": {"processor": processor},
                                 "scenarios": {"throughput": lines}})
            self.assertEqual([goal["reached"] for goal in found], [reached])

    def test_a_goal_that_is_missed_on_a_noisy_machine_is_not_called_missed(self):
        for fastest, of_bound, reached in ((14, 0.1, False), (16, 0.1, None), (16, 1, True)):
            lines = [{"contestant": "bound", "kind": "bound", "min": 10, "max": fastest},
                     {"contestant": goals.SINGLE, "of_bound": of_bound, "of_best_peer": None,
                      "runs": [1]}]
            found = goals.reach({"scenarios": {"throughput": lines}})
            self.assertEqual([goal["reached"] for goal in found], [reached])
            self.assertEqual("too noisy" in "".join(tables.goal_lines(found)), reached is None)


    def test_sessions_are_compared_with_the_best_strings(self):
        held = {goals.SINGLE: 30, goals.BATCH: 20, "strings1": 10, "strings2": 15}
        found = goals.reach({"story": {"sessions_without_loss": held}})
        self.assertEqual([(goal["value"], goal["reached"]) for goal in found], [(2, False)])

    def test_growth_is_flat_when_it_is_less_than_the_noise(self):
        def line(times, ratio, peak):
            return {"contestant": goals.BATCH, "times": times, "noise": 1.2,
                    "cost_ratio": ratio, "peak_ratio": peak}
        found = goals.of_growth([line(1, 1, 1), line(10, 1.19, 1.04), line(100, 1.21, 1.06)])
        self.assertEqual([goal["reached"] for goal in found], [True, True, False, False])

    def test_costs_count_in_the_dearer_way(self):
        state = {f"{what}_{how}_bytes": 1024 if how == "mapped" else 1025
                 for what in ("producer", "consumer", "lane") for how in ("mapped", "resident")}
        idle = {"seconds": 2, "wait_wakes": 0, "epoll_wakes": 1, "wait_cpu_ns": 0, "epoll_cpu_ns": 0}
        straggler = {"ratio": 0.94, "lost": 0, "no_memory": 0}
        found = goals.of_costs(state, idle, straggler)
        self.assertEqual([goal["value"] for goal in found], [0.94, 0, 1025, 1025, 1025, 0.5, 0])
        self.assertEqual([goal["reached"] for goal in found],
                         [False, True, True, True, False, False, True])


class Costs(unittest.TestCase):
    def test_an_idle_consumer_sleeps_and_wake_ups_would_be_seen(self):
        asleep = costs.told(BUILD, "bench-idle", 1)
        self.assertEqual((asleep["wait_wakes"], asleep["epoll_wakes"]), (0, 0))
        restless = costs.told(BUILD, "bench-idle", 1, 10)
        for way in ("wait", "epoll"):
            self.assertGreater(restless[f"{way}_wakes"], 10)
            self.assertGreater(restless[f"{way}_cpu_ns"], 0)

    def test_state_is_counted_without_the_rings(self):
        state = costs.told(BUILD, "bench-state")
        for what in ("shard", "producer", "consumer", "lane"):
            for how in ("mapped", "resident"):
                self.assertGreater(state[f"{what}_{how}_bytes"], 256)
                self.assertLess(state[f"{what}_{how}_bytes"], 1024 * 64)
        self.assertGreater(state["segment_resident_bytes"], 8 * 4096)

    def test_growth_plays_each_length_in_each_round(self):
        found = contestants.present(BUILD, lambda text: None)
        lines = growth.measure(BUILD, found, 2, lambda text: None, first=1024)
        self.assertEqual([line["messages"] for line in lines[:3]], [1024, 10240, 102400])
        self.assertEqual(len(lines), 3 * len(growth.GROWING))
        for line in lines:
            self.assertGreater(line["peak_bytes"], 1 << 20)
            self.assertLessEqual(line["min"], line["ns_each"])
        self.assertEqual({line["cost_ratio"] for line in lines[::3]}, {1.0})


@unittest.skipUnless(plots.possible(), "left out: install gnuplot-nox")
class Plots(unittest.TestCase):
    def test_every_plot_is_drawn_in_both_formats(self):
        c = field(("bound", "peer1", goals.BATCH))
        def summary(scenario, key):
            return rounds.summary(scenario, {each: [
                {**run, "p99_ns": 900, "p999_ns": 9000} for run in runs(key, 200, 300, 250)]
                for each in c.values()})
        scenarios = {name: summary(name, "per_second") for name in ("throughput", "size64", "size256")}
        scenarios["latency"] = summary("latency", "p50_ns")
        lines = [{"contestant": goals.BATCH, "messages": n, "ns_each": 40, "min": 30, "max": 50}
                 for n in (500, 5000)]
        with tempfile.TemporaryDirectory() as folder:
            plots.draw_all(folder, {"scenarios": scenarios, "growth": lines, "rounds": 3,
                                    "machine": {"processor": "A processor", "cores": 7, "kernel": "6.1.2-3"}})
            drawn = {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}
            made = set(pathlib.Path(folder).glob("*.svg")) - {pathlib.Path(folder, "sizes.svg")}  # all at one height here
            fit = subprocess.run([sys.executable, ROOT / "tests/check_pictures.py", *made],
                                 capture_output=True, text=True, check=False)
            self.assertIn(fit.returncode, (0, 77), fit.stderr)  # 77: their font is not here
        names = [*scenarios, "of_bound", "sizes", "growth"]
        self.assertEqual(set(drawn), {f"{name}.{form}" for name in names for form in ("svg", "png")})
        for name, content in drawn.items():
            start = b"<?xml" if name.endswith("svg") else b"\x89PNG"
            self.assertTrue(content.startswith(start), name)
            if name.endswith("svg"):
                words = " ".join(re.sub(r"<[^>]*>", " ", content.decode()).split())
                for text in (goals.BATCH, "A processor, 7 cores, Linux 6.1.2; medians of 3 rounds", "bound",
                             "bytes", *(["250"] if name == "latency.svg" else [])):
                    self.assertIn(text, words, name)


class Command(unittest.TestCase):
    def test_a_missing_peer_is_named_with_its_package(self):
        said = []
        with tempfile.TemporaryDirectory() as empty:
            self.assertEqual(contestants.present(empty, said.append), {})
        self.assertIn("nng inproc is left out: install libnng-dev", said)
        self.assertIn("jemalloc + ReaderWriterQueue is left out: install libreaderwriterqueue-dev", said)
        self.assertEqual(len(said), len(contestants.all_contestants()))

    def test_a_missing_allocator_is_named_with_its_package(self):
        absent = contestants.Contestant("x + queue", "bound", contestants.PEER, "libqueue-dev",
                                        "libno-such-allocator.so.1", "libno-such-allocator1")
        said = []
        with mock.patch.object(contestants, "all_contestants", lambda: [absent]):
            self.assertEqual(contestants.present(BUILD, said.append), {})
        self.assertEqual(said, ["x + queue is left out: install libno-such-allocator1"])

    def test_a_build_without_the_peers_names_their_packages(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["cmake", "-S", ROOT / "bench/tests/without_peers", "-B", folder],
                                  capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        left_out = " ".join(line.split("install ")[1] for line in done.stdout.splitlines()
                            if "is left out: install" in line).split()
        for contestant in contestants.all_contestants():
            if contestant.package:
                self.assertIn(contestant.package, left_out)
        self.assertEqual([line.split()[2] for line in done.stdout.splitlines()
                          if "takes part" in line], ["strings"])

    def test_an_allocator_that_is_not_there_can_not_be_preloaded(self):
        self.assertFalse(contestants.can_preload("libno-such-allocator.so.1"))
        self.assertTrue(contestants.can_preload(""))

    def test_everything_is_measured_unless_something_is_asked_for(self):
        for arguments, parts in (((), ["scenarios", *main.PARTS]), (("--quick",), ["scenarios"]),
                                 (("--story", "--scenario", "keep"), ["story", "scenarios"])):
            with mock.patch.object(sys, "argv", ["bench", *arguments]), \
                    mock.patch.object(instructions, "possible", lambda: True):
                self.assertEqual(main.parts_of(main.arguments()), parts)

    def test_what_needs_a_missing_tool_is_said_before_anything_is_measured(self):
        with mock.patch.object(sys, "argv", ["bench", "--growth", "--instructions"]):
            asked = main.arguments()
        with mock.patch.object(instructions, "possible", lambda: False), \
                mock.patch.object(main, "say") as said:
            self.assertEqual(main.parts_of(asked), ["growth"])
            said.assert_called_once_with("instructions are left out: install valgrind")
            asked.plots = "folder"
            with mock.patch.object(plots, "possible", lambda: False), \
                    self.assertRaisesRegex(rounds.Failure, "install gnuplot-nox"):
                main.parts_of(asked)

    def test_a_contestant_that_damages_messages_ends_the_run(self):
        for fault in (0, 1):
            faulty = contestants.Contestant("faulty", f"faulty-{fault}", contestants.PEER)
            for scenario in ("throughput", "keep", "size65536", "many", "chain", "latency"):
                with self.assertRaisesRegex(rounds.Failure, "what was sent and what came differ"):
                    rounds.run(BUILD, faulty, scenario, ("--messages", "4096"))

    def test_a_file_that_can_not_be_written_is_named_before_anything_is_measured(self):
        with mock.patch.object(sys, "argv", ["bench", "--build", BUILD, "--json", "/proc/none/run"]), \
                mock.patch.object(main, "measure") as measured, mock.patch.object(main, "say") as said:
            self.assertEqual(main.main(), 1)
        measured.assert_not_called()
        self.assertRegex(str(said.call_args[0][0]), "^cannot write '/proc/none/run': .*: give --json")

    def test_one_run_gives_a_table_and_the_same_figures_as_json(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "run.json")
            done = subprocess.run(
                [sys.executable, ROOT / "bench/driver/main.py", "--build", BUILD, "--rounds", "2",
                 "--ms", "2", "--scenario", "throughput", "--only", "bound", "--only", "single calls",
                 "--json", path], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            report = json.loads(path.read_text())
        lines = report["scenarios"]["throughput"]
        self.assertEqual([line["contestant"] for line in lines], ["bound", goals.SINGLE])
        for line in lines:
            self.assertEqual(line["lost"], 0)
            self.assertGreater(line["messages"], 0)
            self.assertIn(f"{line['median'] / 1e6:.2f}", done.stdout)
        self.assertNotIn("\r", done.stderr)


if __name__ == "__main__":
    unittest.main()
