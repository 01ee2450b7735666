# SPDX-License-Identifier: MIT
"""What handoff costs besides the messages: memory of its ends, consumers that are idle, and a service that hangs."""

import json
import pathlib
import subprocess

from common import Failure

IDLE_SECONDS = 3
STRAGGLER_MESSAGES = 40_000  # scripts/bench runs some seconds; a million takes minutes


def told(build, program, *arguments):
    """What a program prints, as an object."""
    command = [str(pathlib.Path(build, "bench", program)), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"'{' '.join(command)}' failed ({done.stderr.strip()}): run it by hand")
    return json.loads(done.stdout)


def measure(build, progress):
    progress("state of producers, consumers and lanes")
    state = told(build, "bench-state")
    progress("idle consumers")
    idle = told(build, "bench-idle", IDLE_SECONDS)
    progress("a service that hangs")
    return {"state": state, "idle": idle,
            "straggler": told(build, "bench-straggler", STRAGGLER_MESSAGES)}
