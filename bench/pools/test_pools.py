#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pools beside allocators: ratios, goals, the table, and each scenario once. usage: test_pools.py BUILD"""

import pathlib
import sys
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "driver"))

import contestants  # noqa: E402
import goals  # noqa: E402
import main  # noqa: E402
import pool_tables  # noqa: E402
import pools  # noqa: E402
import rounds  # noqa: E402

BUILD = sys.argv.pop()
OWN, ALLOC, *PEERS = pools.field()
# Sanitizers have shadows of memory, and calls of their own.
SANITIZED = "HANDOFF_SANITIZE:STRING=\n" not in pathlib.Path(BUILD, "CMakeCache.txt").read_text()


def figures(scenario, key, own, *peers):
    """The summary of one scenario, of what each contestant's rounds gave."""
    played = {c: [{key: value} for value in values]
              for c, values in zip((OWN, *PEERS), (own, *peers))}
    with mock.patch.object(pools, "FIGURES", [f for f in pools.FIGURES
                                              if (f.scenario, f.key) == (scenario, key)]):
        return pools.summary({scenario: played})


def goals_of(*measured):
    return {goal["what"]: goal for goal in goals.of_pools(figures(*measured))}


class Summary(unittest.TestCase):
    def test_the_best_peer_is_the_best_of_its_round(self):
        line, = figures("pair", "ns", [10, 10, 10], [5, 20, 20], [20, 10, 8])
        self.assertEqual(line["of_best_peer"], 1.25)
        self.assertEqual((line["lower"], line["upper"]), (1.125, 1.625))
        line, = figures("cross-fifo", "per_second", [10, 10, 10], [5, 20, 20], [20, 10, 8])
        self.assertEqual(line["of_best_peer"], 0.5)
        self.assertEqual(line["of_best_median"], 0.5)

    def test_nothing_is_compared_with_nothing(self):
        line, = figures("prepared", "faults", [0, 0], [900, 0])
        self.assertNotIn("of_best_peer", line)
        self.assertEqual(goals_of("prepared", "faults", [0, 0], [900, 0])
                         ["prepared burst, faults"]["reached"], True)

    def test_one_round_has_no_spread(self):
        line, = figures("pair", "ns", [10], [5])
        self.assertEqual((line["lower"], line["of_best_peer"], line["upper"]), (2, 2, 2))


class Goals(unittest.TestCase):
    def test_every_goal_is_of_a_figure_that_is_measured(self):
        measured = {(figure.scenario, figure.key) for figure in pools.FIGURES}
        for what, scenario, key, *_ in goals.POOLS:
            self.assertIn((scenario, key), measured, what)

    def test_a_goal_is_missed_only_where_most_rounds_miss_it(self):
        what = "an object at a time, of the best peer"
        peer = [10] * 5
        for own, reached in (([12] * 5, True), ([14] * 5, False), ([12, 12, 13, 13, 13], None)):
            self.assertEqual(goals_of("pair", "ns", own, peer)[what]["reached"], reached)

    def test_more_is_better_where_another_thread_releases(self):
        what = "released by another thread in order, of the best peer"
        for own, reached in ((20, True), (19, False)):
            found = goals_of("cross-fifo", "per_second", [own] * 3, [10] * 3)
            self.assertEqual(found[what]["reached"], reached)

    def test_figures_of_their_own_are_judged_in_the_unit_of_the_table(self):
        what = "raid, acquire p99.9, us"
        for own, reached in ((3000, True), (3100, False)):
            found = goals_of("raid", "p999_ns", [own] * 3, [10_000] * 3)
            self.assertEqual(found[what]["reached"], reached)
        found = goals_of("fragmentation-9", "fragmentation", [0.034] * 3, [0.05] * 3)
        self.assertTrue(found["fragmentation, 9 MiB live, %"]["reached"])


class Table(unittest.TestCase):
    def test_it_names_the_processor_and_everybody_who_took_part(self):
        measured = {"rounds": 11, "figures": figures("raid", "p999_ns", [1500], [3000])}
        text = "\n".join(pool_tables.lines(measured, {"processor": "Xeon, family 6", "cores": 2}))
        for word in ("11 rounds", "Xeon, family 6, 2 cores", "handoff", "glibc", "1.50", "3.00", "0.50"):
            self.assertIn(word, text)


class Command(unittest.TestCase):
    def test_quick_pools_are_pools_alone(self):
        for arguments, parts in ((("--pools",), ["pools"]), (("--pools", "--quick"), ["pools"]),
                                 (("--pools", "--scenario", "keep"), ["pools", "scenarios"])):
            with mock.patch.object(sys, "argv", ["bench", *arguments]):
                self.assertEqual(main.parts_of(main.arguments()), parts)

    def test_every_scenario_gives_its_figures(self):
        with mock.patch.object(pools, "field", lambda: [OWN, ALLOC, PEERS[0]]), \
                mock.patch.object(pools, "QUICK_TIMES", 1):
            measured = pools.measure(BUILD, True, 1, lambda text: None, lambda text: None)
        self.assertEqual(len(measured["figures"]), len(pools.FIGURES))
        own = {(line["scenario"], line["key"]): line["contestants"]["handoff"]["median"]
               for line in measured["figures"]}
        for figure in pools.FIGURES:
            self.assertIn((figure.scenario, figure.key), own)
        for rate in ("cross-fifo", "cross-random"):
            self.assertGreater(own[rate, "per_second"], 0)
        for scenario in ("raid", "raid-written"):
            self.assertLessEqual(own[scenario, "p50_ns"], own[scenario, "p9999_ns"])
        if not SANITIZED:
            self.assertEqual(own["prepared", "calls"], 0)
            self.assertLess(own["prepared", "faults"], 20)  # 900 pages are written
            self.assertLessEqual(own["trim", "longest_bytes"], 64 << 10)

    def test_a_way_says_what_it_can(self):
        found = contestants.present(BUILD, lambda text: None, [OWN, PEERS[0]])
        self.assertIn("trim", found[OWN])
        self.assertNotIn("mixed", found[OWN])
        self.assertNotIn("trim", found[PEERS[0]])
        for contestant in (OWN, PEERS[0]):
            with self.assertRaisesRegex(rounds.Failure, "what to measure\\?"):
                rounds.run(BUILD, contestant, "no-such-scenario", ())


if __name__ == "__main__":
    unittest.main()
