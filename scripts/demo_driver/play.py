# SPDX-License-Identifier: MIT
"""One run: a gateway, a load against it, and the figures of both."""

import contextlib
import ctypes
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import time

from common import Failure

START_SECONDS = 15
STOP_SECONDS = 20
PR_SET_PDEATHSIG = 1
PACE = {"udp": 6, "tcp": 10}  # messages a second that a player sends
LAG_US = 100_000  # a p99 above this means that the gateway did not keep up
LOAD_PROCESSES = max(2, min(8, os.cpu_count() // 4))  # always the same: runs differ only by their rate

# No run may have these, however much it lost.
FAULTS = (("corrupt", "wrong answers"), ("duplicated", "duplicate answers"),
          ("outstanding", "buffers that were not returned"))


def die_with_parent():
    """Leaves nothing running even if this process is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def started(command, **options):
    """A process that is gone when the block ends, however it ends."""
    with subprocess.Popen(command, preexec_fn=die_with_parent, **options) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()


def await_address(gateway):
    """Reads the line that says where the gateway listens. None if it does not come."""
    deadline = time.monotonic() + START_SECONDS
    line = b""
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([gateway.stdout], [], [], left)[0]:
            break
        byte = os.read(gateway.stdout.fileno(), 1)
        if not byte:
            break
        line += byte
    found = re.search(rb"listening on \w+ (\S+)", line)
    return found.group(1).decode() if found else None


def stop(gateway):
    """Asks the gateway to end and waits for its figures."""
    gateway.terminate()
    try:
        gateway.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"the gateway did not end within {STOP_SECONDS} s: it hangs") from late


def judged(figures):
    """Adds the derived figures of the tables."""
    figures["lost_percent"] = 100 * figures["lost"] / max(1, figures["sent"])
    figures["held"] = figures["lost"] == 0 and figures["p99_us"] <= LAG_US
    figures["cpu_us_each"] = 1e6 * figures["cpu_seconds"] / max(1, figures["received"])
    figures["wakes_each"] = figures["wakes"] / max(1, figures["received"])
    return figures


class Player:
    """Plays one run after another, and keeps all figures."""

    def __init__(self, asked, sessions_most, folder, progress):
        self.asked = asked
        self.sessions_most = sessions_most
        self.folder = pathlib.Path(folder)
        self.progress = progress
        self.runs = []

    def sessions(self, rate):
        if self.asked.sessions:
            return self.asked.sessions
        return min(self.sessions_most, max(1, round(rate / PACE[self.asked.transport])))

    def gateway_command(self, handoff, sessions, figures):
        asked = self.asked
        command = [pathlib.Path(asked.build, "tools/gateway/handoff-gateway"), "--listen",
                   "127.0.0.1:0", "--transport", asked.transport, "--handoff", handoff,
                   "--sessions", str(sessions), "--connections", str(sessions), "--json", figures]
        if asked.workers and handoff != "none":
            command += ["--workers", str(asked.workers)]
        return command

    def load_command(self, address, sessions, rate, seconds, figures):
        return [pathlib.Path(self.asked.build, "tools/load/handoff-load"), "--target", address,
                "--transport", self.asked.transport, "--sessions", str(sessions),
                "--processes", str(min(LOAD_PROCESSES, sessions)), "--rate", str(rate),
                "--seconds", str(seconds), "--progress", "--json", figures]

    def watch(self, load, title, log):
        """Shows the load's live line after the title; logs its other output."""
        self.progress(title)
        for line in load.stderr:
            if line.startswith("handoff-load:"):
                log.write(line.encode())
            elif line.strip():
                self.progress(f"{title}:{line.rstrip()}")

    def run(self, handoff, rate, seconds, title):
        """Runs both processes. Returns their figures, or fails with their messages."""
        sessions = self.sessions(rate)
        ours, theirs, log = (self.folder / name for name in ("load", "gateway", "log"))
        for path in (ours, theirs):
            path.unlink(missing_ok=True)
        with open(log, "wb") as messages, started(
                self.gateway_command(handoff, sessions, theirs), stdout=subprocess.PIPE,
                stderr=messages) as gateway:
            address = await_address(gateway)
            if address:
                with started(self.load_command(address, sessions, rate, seconds, ours),
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as load:
                    self.watch(load, title, messages)
                    load.wait()
                stop(gateway)
        said = log.read_text(encoding="utf-8", errors="replace").strip()
        if not address or not ours.exists() or not theirs.exists():
            raise Failure(f"{handoff}: no figures: {said or 'no message either'}")
        return {**json.loads(theirs.read_text(encoding="ascii")),
                **json.loads(ours.read_text(encoding="ascii"))}, said

    def __call__(self, handoff, rate, seconds, phase):
        figures, said = self.run(handoff, rate, seconds, f"{phase}: {handoff}, {rate:,}/s")
        faults = [f"{figures[key]} {what}" for key, what in FAULTS if figures[key]]
        if not figures["conserved"]:
            faults.append("messages of a session were mixed up")
        if faults:
            raise Failure(f"{handoff}: {', '.join(faults)} at {rate:,} messages a second: this is a "
                          f"bug, not a limit ({said})")
        self.runs.append(judged({"phase": phase, **figures}))
        return self.runs[-1]
