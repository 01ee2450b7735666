#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The driver: its ratios, its goals, what it says about a missing peer, and one run of the command.
usage: test_driver.py BUILD"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "driver"))

import contestants  # noqa: E402
import goals  # noqa: E402
import rounds  # noqa: E402

BUILD = sys.argv.pop()


def runs(key, *values):
    return [{key: value, "sent": 5, "received": 5, "peak_bytes": 1} for value in values]


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
        lines = [{"contestant": goals.SINGLE, "of_bound": 0.9, "of_best_peer": 2.4, "runs": [1]}]
        found = goals.reach({"scenarios": {"throughput": lines}})
        self.assertEqual([goal["reached"] for goal in found], [True, False])
        lines[0].update(of_bound=1.2, of_best_peer=0.6)
        found = goals.reach({"scenarios": {"latency": lines}})
        self.assertEqual([goal["reached"] for goal in found], [False, True])


    def test_sessions_are_compared_with_the_best_strings(self):
        held = {goals.SINGLE: 30, goals.BATCH: 20, "strings1": 10, "strings2": 15}
        found = goals.reach({"story": {"sessions_without_loss": held}})
        self.assertEqual([(goal["value"], goal["reached"]) for goal in found], [(2, True)])


class Command(unittest.TestCase):
    def test_a_missing_peer_is_named_with_its_package(self):
        said = []
        with tempfile.TemporaryDirectory() as empty:
            self.assertEqual(contestants.present(empty, said.append), {})
        self.assertIn("nng inproc is left out: install libnng-dev", said)
        self.assertEqual(len(said), len(contestants.all_contestants()))

    def test_an_allocator_that_is_not_there_can_not_be_preloaded(self):
        self.assertFalse(contestants.can_preload("libno-such-allocator.so.1"))
        self.assertTrue(contestants.can_preload(""))

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
