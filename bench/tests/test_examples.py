#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/bench-examples: every pair that was built plays for a moment, and its clients verify the answers; ratios;
what it says when something is missing. usage: test_examples.py FOLDER, which has a folder for each example."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "driver"))

import example_pairs  # noqa: E402
import examples  # noqa: E402

BUILD = pathlib.Path(sys.argv.pop())
BUILT = [pair for pair in example_pairs.PAIRS if example_pairs.is_built(pair, BUILD)]
LEFT_OUT = 77


def run(*words):
    return subprocess.run([sys.executable, ROOT / "bench/driver/examples.py", *words], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


class Pairs(unittest.TestCase):
    def test_each_answers_with_handoff_and_without(self):
        done = run("--build", BUILD, "--rounds", "1", "--messages", "50", "--json", "-")
        self.assertEqual(done.returncode, 0, done.stderr)
        measured = json.loads(done.stdout)["examples"]
        self.assertEqual([each["example"] for each in measured], [pair.name for pair in BUILT])
        for each in measured:
            for figures in (*each["runs"], *each["plain_runs"]):
                self.assertEqual(figures["answered"] % 50, 0)
                self.assertGreater(figures["answered"], 0)

    def test_a_client_that_fails_ends_it(self):
        with mock.patch.object(example_pairs, "RUN_SECONDS_MOST", 60):
            refused = example_pairs.Pair(BUILT[0].name, BUILT[0].client, "PORT no such words", 1)
            with self.assertRaisesRegex(examples.Failure, "run it by hand"):
                refused.run(BUILD, False, 1)


class Sayings(unittest.TestCase):
    def test_ratios_are_taken_per_round_and_the_median_of_them_counts(self):
        def runs(*values):
            return [{"per_second": value, "us_each": 1 / value} for value in values]

        got = examples.summary(example_pairs.PAIRS[0], 5, {False: runs(10, 30, 20), True: runs(20, 30, 10)})
        self.assertEqual((got["of_plain"], got["lowest"], got["highest"]), (1, 0.5, 2))
        self.assertEqual((got["per_second"], got["plain_per_second"], got["us_of_plain"]), (20, 20, 1))

    def test_every_line_stands_under_the_heads(self):
        got = examples.summary(example_pairs.PAIRS[0], 5, {plain: [{"per_second": 3e5, "us_each": 1.5}]
                                                           for plain in (True, False)})
        self.assertEqual(len({len(line) for line in examples.lines([got])}), 1)

    def test_what_is_not_built_is_named(self):
        with tempfile.TemporaryDirectory() as empty:
            done = run("--build", empty, "--json", "-")
        self.assertEqual((done.returncode, json.loads(done.stdout)["examples"]), (0, []))
        self.assertIn("left out: asio_session is not in", done.stderr)

    def test_an_example_that_is_none_is_refused(self):
        done = run("--only", "no such", "--build", BUILD)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, "^bench-examples: no example has that name: they are asio_session, .*\n$")


if __name__ == "__main__":
    if not BUILT:
        print(f"left out: no example is built in {BUILD}")
        sys.exit(LEFT_OUT)
    unittest.main()
