#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import subprocess
import unittest

from example import PATIENCE, built, main


class Pmr(unittest.TestCase):
    def test_players_take_memory_of_the_arena_and_give_it_back(self):
        done = subprocess.run([built / "pmr"], stdout=subprocess.PIPE, timeout=PATIENCE,
                              text=True, check=True)
        self.assertRegex(done.stdout, "^10000 players take [0-9]+ KiB of the arena\n"
                         "the budget has room for more than 20000\n"
                         "0 allocations are left, 0 bytes are held\n$")


if __name__ == "__main__":
    main()
