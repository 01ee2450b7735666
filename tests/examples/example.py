# SPDX-License-Identifier: MIT
"""Shared by the tests of the examples. Each is run as test_NAME.py BUILD_DIR ECHO_CLIENT: the example's build folder and
the client of examples/echo_client. A server prints "listening on ADDRESS:PORT" once for each port, stops on SIGTERM, and
exits 0 only if nothing is left over."""
import os
import queue
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

PATIENCE = 120  # seconds: ends a hang; sanitizers and busy machines are slow
built = Path(sys.argv[1])
echo_client = sys.argv[2]


class Server:
    """A server of an example, as a context: stopped at the end, and then its exit status is checked."""

    def __init__(self, *command, env=None):
        self.process = subprocess.Popen([built / command[0], *command[1:]], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True,
                                        env={**os.environ, **(env or {})})
        self.lines, self.seen, self.told = queue.Queue(), [], False
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def line(self, pattern):
        """The match in the next line that has the pattern."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                line = self.lines.get(timeout=max(0, until - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"no line has '{pattern}' in: " + "\n".join(self.seen))
            self.seen.append(line)
            if found := re.search(pattern, line):
                return found

    def port(self, kind=""):
        return int(self.line(rf"{kind}.*listening on .*:(\d+)$")[1])

    def tell_to_stop(self):
        """Once: a second signal may meet a server that is about to end, and ends it."""
        if not self.told:
            self.process.send_signal(signal.SIGTERM)
        self.told = True

    def stop(self):
        """Everything that it said; it must have ended well."""
        self.tell_to_stop()
        try:
            status = self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
            self.reader.join()
            self.process.stdout.close()
        while not self.lines.empty():
            self.seen.append(self.lines.get() or "")
        if status != 0:
            raise AssertionError(f"the server exited with {status}: " + "\n".join(self.seen))
        return "\n".join(self.seen)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            self.stop()
        except Exception as failed:
            if kind is None:
                raise
            print(failed, file=sys.stderr)  # what went wrong first is what the test tells


def work_that_takes_longer(first_us=1000):
    """How long the service works on a message, for a test that needs it to have something still: in each round twice as long,
    until one of the rounds was quicker than the service. A busy machine needs more of them."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        yield str(first_us)
        first_us *= 2
    raise AssertionError("the service was done before, in every round")


def number(text, words):
    """The number behind the words, in what a server said at its end."""
    return int(text.split(words + " ")[1].split()[0].rstrip(","))


def run_client(kind, port, **options):
    """Runs echo_client to its end; every answer must have come, and be right. Returns what it printed."""
    words = [str(word) for option in options.items() for word in option]
    done = subprocess.run([echo_client, kind, str(port), *words], timeout=PATIENCE, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise AssertionError(f"echo_client exited with {done.returncode}: {done.stdout}")
    return done.stdout


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def udp_to(port):
    to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    to.settimeout(PATIENCE)
    to.connect(("127.0.0.1", port))
    return to


def frame(payload):
    return struct.pack("<I", len(payload)) + payload


def hear(connection, count):
    """So many bytes; fewer if the peer ends before."""
    heard = b""
    while len(heard) < count and (more := connection.recv(count - len(heard))):
        heard += more
    return heard


def hear_frame(connection):
    """The payload of the next frame; None if the peer ends."""
    header = hear(connection, 4)
    return hear(connection, struct.unpack("<I", header)[0]) if len(header) == 4 else None


class Talker(threading.Thread):
    """Says payload(0), payload(1) and so on, and does not wait for answers, until it is told to end. Its last word is LAST."""
    LAST = b"last"

    def __init__(self, connection, payload):
        super().__init__(daemon=True)
        self.connection, self.payload, self.said, self.told = connection, payload, 0, threading.Event()
        self.start()

    def run(self):
        while not self.told.is_set():
            self.connection.sendall(frame(self.payload(self.said)))
            self.said += 1
        self.connection.sendall(frame(self.LAST))

    def end(self):
        """What is answered to all that it said."""
        self.told.set()
        answers = iter(lambda: hear_frame(self.connection), self.LAST)
        yield from answers
        self.join()


def vanish(connection):
    """Goes without a word of farewell: a reset, and what was not read is lost."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def main():
    unittest.main(argv=sys.argv[:1])
