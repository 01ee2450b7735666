#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program checks its sums itself; times are not checked."""
import subprocess
import unittest

from example import PATIENCE, built, main


class Tuning(unittest.TestCase):
    def run_with(self, *words):
        return subprocess.run([built / "tuning", *words], stdout=subprocess.PIPE, timeout=PATIENCE,
                              stderr=subprocess.STDOUT, text=True)

    def test_every_byte_arrives(self):
        done = self.run_with("messages", "20000", "more", "1")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("million messages a second", done.stdout)

    def test_what_it_does_not_know_is_refused(self):
        done = self.run_with("mesages", "20000")
        self.assertEqual(done.returncode, 2)
        self.assertIn("usage: tuning", done.stdout)


if __name__ == "__main__":
    main()
