#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The story's driver: how it climbs to the first loss, and its tables. usage: test_story.py"""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "driver"))

import goals  # noqa: E402
import story  # noqa: E402
import story_tables  # noqa: E402


def climbed(loses):
    """Where a climb ends if loses(sessions, number of the try at it) says what is lost, and its way."""
    climb, way = story.climb(), []
    sessions = next(climb)
    while True:
        way.append(sessions)
        try:
            sessions = climb.send(loses(sessions, way.count(sessions)))
        except StopIteration as end:
            return end.value, way


class Climb(unittest.TestCase):
    def test_it_ends_a_tenth_below_the_first_loss(self):
        held, way = climbed(lambda sessions, _: sessions > 50_000)
        self.assertLessEqual(held, 50_000)
        self.assertGreater(int(held * story.STEP), 50_000)
        self.assertEqual(max(way), 56_000)

    def test_one_unlucky_run_of_three_is_forgiven(self):
        held, _ = climbed(lambda sessions, tries: sessions > 50_000 or tries == 2)
        self.assertEqual(held, climbed(lambda sessions, _: sessions > 50_000)[0])

    def test_one_lucky_run_of_three_does_not_count(self):
        held, _ = climbed(lambda sessions, tries: sessions > 50_000 and tries != 2)
        self.assertEqual(held, climbed(lambda sessions, _: sessions > 50_000)[0])

    def test_who_loses_at_once_held_nothing(self):
        self.assertEqual(climbed(lambda *_: True), (0, [story.FIRST_SESSIONS] * 2))

    def test_it_ends_where_nothing_is_ever_lost(self):
        held, _ = climbed(lambda *_: False)
        self.assertGreaterEqual(held, story.MOST_SESSIONS / 2)


class Goals(unittest.TestCase):
    def test_the_worst_of_handoff_is_held_to_the_fragmentation(self):
        still = [{"contestant": name, "object_fragmentation": share} for name, share in
                 ((goals.BATCH, 0.01), (goals.SINGLE, 0.06), ("glibc, strings", 0.5))]
        found = goals.of_story({"still": still})
        self.assertEqual([(goal["value"], goal["reached"]) for goal in found], [(0.06, False)])

    def test_raids_and_memory_are_judged_by_the_worst_of_handoff_and_the_best_strings(self):
        lines = [{"contestant": name, "sessions": sessions, "raid_ns": ms * 1e6, "held_bytes": held}
                 for sessions, name, ms, held in (
                     (1, goals.BATCH, 2, 4), (1, goals.SINGLE, 7, 3), (1, "glibc", 30, 20),
                     (1, "jemalloc", 90, 10), (2, goals.BATCH, 3, 6), (2, "glibc", 30, 10),
                     (2, "handoff, batches, no padding", 99, 99))]
        found = goals.of_story({"lines": lines})
        self.assertEqual([(goal["value"], goal["reached"]) for goal in found], [(7, True), (0.6, False)])


class Tables(unittest.TestCase):
    def test_every_column_has_room_and_every_figure_a_column(self):
        line = {key: 9_999_999.9 * unit
                for columns in (story_tables.TRAFFIC, story_tables.MEMORY, story_tables.STILL)
                for _, key, unit, _ in columns}
        line |= {"contestant": "x" * 35, "futex_per_second": None}
        rows = list(story_tables.lines({"lines": [line], "still": [line],
                                        "sessions_without_loss": {"x": 21_000}}))
        heads = [row for row in rows if "sessions" in row and row.startswith("   ")]
        self.assertEqual(len(heads), 2)
        self.assertEqual(len(heads[0].split()), len([w for h, *_ in story_tables.TRAFFIC
                                                     for w in h.split()]))
        self.assertIn(" - ", rows[2])
        self.assertTrue(all(len(row) < 160 for row in rows))


if __name__ == "__main__":
    unittest.main()
