#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import subprocess
import unittest

from example import PATIENCE, built, main


class PoolHandle(unittest.TestCase):
    def test_a_stale_handle_is_refused(self):
        done = subprocess.run([built / "pool_handle"], stdout=subprocess.PIPE, timeout=PATIENCE,
                              text=True, check=True)
        self.assertEqual(done.stdout, "attack 1: the ogre has 70 left\n"
                         "attack 2: the bat has 5 left\n"
                         "attack 3: the ogre dies\n"
                         "attack 4: refused, HO_E_STALE\n"
                         "attack 5: the bat has 4 left\n"
                         "2 are left\n")


if __name__ == "__main__":
    main()
