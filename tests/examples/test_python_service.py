#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import subprocess
import sys
import unittest
from pathlib import Path

import test_echo_server
from example import PATIENCE, built, main

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "python_service"
COMMAND = (sys.executable, "-B", FOLDER / "service.py")


class PythonService(test_echo_server.EchoServer):
    command = (*COMMAND, built / "network.so")


class Start(unittest.TestCase):
    def test_what_is_no_network_is_told_in_one_line(self):
        for words in ((), ("/no/such.so",), (built / "network.so", "no port")):
            done = subprocess.run([*COMMAND, *words], text=True, capture_output=True, timeout=PATIENCE)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, r"^service: .*\n$")


if __name__ == "__main__":
    main()
