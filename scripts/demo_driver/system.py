# SPDX-License-Identifier: MIT
"""The system's limits of open files and socket buffers, and other load on it."""

import os
import pathlib
import resource
import socket
import time

BUFFER_BYTES = 32 << 20  # of the gateway's sockets: fits a burst of all sessions
SPARE_FILES = 256
SO_RCVBUFFORCE = 33


def raise_open_files():
    """Returns how many TCP sessions a gateway can have then."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard - SPARE_FILES


def granted_buffer():
    """The receive buffer that a process of this user can get; the kernel reports it doubled."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        except PermissionError:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        return probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


def raise_socket_buffers(say):
    """A privileged process may exceed the limit; for any other the limit must be raised."""
    if granted_buffer() >= BUFFER_BYTES:
        return
    for name in ("rmem_max", "wmem_max"):
        path = pathlib.Path("/proc/sys/net/core", name)
        before = path.read_text(encoding="ascii").strip()
        if int(before) >= BUFFER_BYTES:
            continue
        try:
            path.write_text(f"{BUFFER_BYTES}\n", encoding="ascii")
            say(f"changed net.core.{name} from {before} to {BUFFER_BYTES}; this lasts until reboot")
        except OSError:
            say(f"net.core.{name} is {before}, so bursts may be lost: "
                f"run 'sudo sysctl -w net.core.{name}={BUFFER_BYTES}'")


class Others:
    """Processor time that other processes, and other guests of the host, take. Exact to a clock tick; for
    own processes, counts those that have ended."""

    def __init__(self):
        self.busy = self.now_busy()
        self.began = time.monotonic()

    @staticmethod
    def now_busy():
        names = "user nice system idle iowait irq softirq steal".split()
        line = pathlib.Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
        ticks = sum(int(value) for name, value in zip(names, line) if name not in ("idle", "iowait"))
        used = os.times()
        return ticks / os.sysconf("SC_CLK_TCK") - sum(used[:4])

    def share(self):
        """Their share of all processors since this object was made."""
        passed = time.monotonic() - self.began
        return max(0, self.now_busy() - self.busy) / (passed * os.cpu_count())
