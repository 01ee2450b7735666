#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every choice is played for a moment: what was sent came, unchanged, all of it; and the ratios and
tables of the driver. usage: test_tuning.py BUILD"""

import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "driver"))

import rounds  # noqa: E402
import tuning  # noqa: E402
import tuning_tables  # noqa: E402

BUILD = sys.argv.pop()
MESSAGES = 2048


def program(*words):
    return subprocess.run([f"{BUILD}/bench/bench-tune-16", *words], capture_output=True, text=True,
                          check=False)


class Programs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Fails if a count or a sum of a run is wrong.
        cls.measured = tuning.measure(BUILD, 1, {"messages": MESSAGES}, lambda text: None)

    def test_every_choice_hands_over_all_messages(self):
        self.assertEqual(set(self.measured), set(tuning.TABLES))
        for name, lines in self.measured.items():
            self.assertEqual([line["choice"] for line in lines],
                             [label for label, _ in tuning.TABLES[name].lines])
            self.assertEqual({line["messages"] for line in lines}, {MESSAGES}, name)

    def test_every_table_compares_with_one_default(self):
        for name, lines in self.measured.items():
            self.assertEqual([line["of_default"] for line in lines if line["default"]], [1], name)

    def test_every_choice_has_a_line_under_the_heads_of_its_table(self):
        blocks = "\n".join(tuning_tables.lines(self.measured)).rstrip().split("\n\n")
        self.assertEqual(len(blocks), len(tuning.TABLES))
        for table, block in zip(tuning.TABLES.values(), blocks):
            title, *rows = block.split("\n")
            self.assertEqual(title, table.title)
            self.assertEqual(len(rows), 1 + len(table.lines))
            self.assertEqual(len({len(row) for row in rows}), 1, block)

    def test_what_the_library_refuses_ends_the_run(self):
        for option in ("segment_bytes", "lane_slots"):
            refused = tuning.Table("", "flow", (("odd", {option: 20001}),))
            with self.assertRaisesRegex(rounds.Failure, "out of range"):
                tuning.played(BUILD, refused, refused.lines[0], {"messages": 1})

    def test_a_choice_that_is_none_is_named(self):
        for words, wrong in ((("flow", "speed", "1"), "'speed' can't be chosen: see"),
                             (("flow", "bytes", "15"), "bytes '15' is not a number from 16"),
                             (("flow", "bytes"), "usage"), (("fly",), "usage"), ((), "usage")):
            done = program(*words)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertRegex(done.stderr, f"^bench-tune: .*{wrong}.*\n$")


class Ratios(unittest.TestCase):
    def test_ratios_are_taken_per_round_and_the_median_of_them_counts(self):
        table = tuning.Table("", "flow", (("more", {"x": 1}), ("usual", tuning.DEFAULT)), {"y": 2})
        made = [[{"per_second": value, "sent": 4, "received": 4, "sleeps": 2, "peak_bytes": 9}
                 for value in values] for values in ((10, 30, 20), (5, 60, 40))]
        more, usual = tuning.summary(table, {"more": made[0], "usual": made[1]})
        self.assertEqual((more["of_default"], usual["of_default"]), (0.5, 1))
        self.assertEqual((more["median"], more["min"], more["max"]), (20, 10, 30))
        self.assertEqual((more["messages"], more["sleeps_each"]), (12, 0.5))
        self.assertEqual((more["options"], more["default"]), ({"x": 1, "y": 2}, False))
        self.assertNotIn("p99_ns", more)

    def test_latencies_are_compared_at_both_percentiles(self):
        table = tuning.Table("", "sleeper", (("usual", tuning.DEFAULT), ("more", {"x": 1})))
        made = [[{"p50_ns": p50, "p99_ns": p99, "sent": 1, "received": 1, "sleeps": 1}]
                for p50, p99 in ((10, 100), (20, 50))]
        more = tuning.summary(table, {"usual": made[0], "more": made[1]})[1]
        self.assertEqual((more["of_default"], more["p99_of_default"]), (2, 0.5))

    def test_a_longer_run_has_more_time_but_no_more_messages(self):
        table = tuning.Table("", "flow", (), times=3)
        self.assertEqual(tuning.longer(table, {"ms": 100}), {"ms": 300})
        self.assertEqual(tuning.longer(table, {"messages": 5}), {"messages": 5})


if __name__ == "__main__":
    unittest.main()
