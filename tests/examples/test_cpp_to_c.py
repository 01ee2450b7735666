#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import subprocess
import unittest

from example import PATIENCE, built, main


class CppToC(unittest.TestCase):
    def test_the_service_reads_what_was_received_and_what_was_given(self):
        done = subprocess.run([built / "cpp_to_c"], stdout=subprocess.PIPE, timeout=PATIENCE,
                              text=True, check=True)
        self.assertEqual(done.stdout, "player 42: walks north\n"
                         "player 42: says that a string may be handed over where it is\n")


if __name__ == "__main__":
    main()
