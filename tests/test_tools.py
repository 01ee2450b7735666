#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an operator sees: versions, help, warnings, the live line, and handoff-load's diagnoses.

usage: test_tools.py VERSION GATEWAY LOAD CONFORM LIBRARY
"""
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

VERSION = sys.argv[1]
GATEWAY, LOAD, CONFORM, LIBRARY = map(os.path.abspath, sys.argv[2:])
PATIENCE = 120  # ends a hang


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False,
                          **options)


class Gateway:
    """One that runs while the block does; `stderr` is its text afterwards."""

    def __init__(self, *options, stderr=subprocess.PIPE):
        self.process = subprocess.Popen((GATEWAY, *options), stdout=subprocess.PIPE, stderr=stderr,
                                        text=True)
        line = self.process.stdout.readline()
        found = re.search(r"listening on \w+ (\S+)", line)
        check(found, f"the gateway says '{line}' and not where it listens")
        self.address = found[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        _, self.stderr = self.process.communicate(timeout=PATIENCE)


def load(address, *options):
    """Exit status, stderr and figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "json")
        done = run(LOAD, "--target", address, "--json", path, *options)
        figures = json.loads(path.read_text()) if path.exists() else {}
    return done.returncode, done.stderr, figures


def version_and_help_are_told():
    for tool in (GATEWAY, LOAD, CONFORM):
        name = os.path.basename(tool)
        told = run(tool, "--version")
        check((told.returncode, told.stdout) == (0, f"{name} {VERSION}\n"), f"{name}: {told}")
        for option in ("-h", "--help"):
            told = run(tool, option)
            check(told.returncode == 0 and told.stdout.startswith(f"usage: {name} "),
                  f"{name} {option}: {told}")


def conform_takes_a_file():
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(LIBRARY, pathlib.Path(folder, "patched.so"))
        done = run(CONFORM, "patched.so", "--only", "symbols", cwd=folder)
        check(done.returncode == 0, f"a file of this folder: {done}")
    done = run(CONFORM, LIBRARY, "--only", "symbols")
    check(done.returncode == 0, f"a path: {done}")
    done = run(CONFORM, "--lib", LIBRARY, LIBRARY)
    check(done.returncode == 2 and "name one" in done.stderr, f"two libraries: {done}")


def knows_localhost():
    """A system without /etc/hosts may not."""
    try:
        return bool(socket.getaddrinfo("localhost", 0))
    except OSError:
        print("left out: this system does not know localhost", flush=True)
        return False


def addresses_are_read_and_others_than_the_loopback_warned_of():
    for listen, address, warned in (("127.0.0.1:0", "127.0.0.1:", False), ("0", "127.0.0.1:", False),
                                    ("localhost:0", "", False), ("0.0.0.0:0", "0.0.0.0:", True)):
        if listen == "localhost:0" and not knows_localhost():
            continue
        with Gateway("--listen", listen) as gateway:
            check(gateway.address.startswith(address), f"{listen}: {gateway.address}")
        check(("handoff-gateway: warning: " in gateway.stderr) == warned,
              f"{listen}: '{gateway.stderr}'")
    for wrong in ("127.0.0.1:", "127.0.0.1:65536", "[::1]", "1:2:3", "no.such.host.invalid:1"):
        for tool, option in ((GATEWAY, "--listen"), (LOAD, "--target")):
            done = run(tool, option, wrong)
            check(done.returncode == 2 and done.stderr.count("\n") == 1 and option in done.stderr,
                  f"{tool} {wrong}: {done}")


def a_live_line_is_for_terminals():
    try:
        ours, theirs = pty.openpty()
    except OSError as problem:
        print(f"left out: no terminal can be made here: {problem}", flush=True)
        return
    with Gateway() as quiet, Gateway(stderr=theirs) as watched:
        os.close(theirs)
        shown = b""
        while not re.search(rb"in \d+/s, out \d+/s", shown):
            check(select.select([ours], [], [], PATIENCE)[0], f"no live line, but '{shown}'")
            shown += os.read(ours, 4096)
        check(watched.process.poll() is None and shown.startswith(b"\r"), f"'{shown}'")
    os.close(ours)
    check(quiet.stderr == "", f"in a pipe: '{quiet.stderr}'")


def that_nobody_listens_is_told():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % taken.getsockname()[1]
    status, said, figures = load(address, "--sessions", "10", "--rate", "1000", "--seconds", "1")
    check(status == 2 and f"nobody listens on {address}" in said, f"udp: {status} {said}")
    check("did not answer" not in said and figures["verdict"] == "nobody_listens", f"udp: {said}")
    status, said, _ = load(address, "--transport", "tcp", "--sessions", "10")
    check(status == 2 and f"nobody listens on {address}" in said, f"tcp: {status} {said}")


def a_gateway_that_does_not_answer_is_told():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        status, said, figures = load("127.0.0.1:%d" % silent.getsockname()[1], "--sessions", "10",
                                     "--rate", "100", "--seconds", "1")
    check(status == 1 and "the gateway did not answer 100 messages" in said, f"{status} {said}")
    check(figures["verdict"] in ("not_answered", "load_too_slow") and figures["lost"] == 100,
          f"{figures}")


def lost_connections_are_told():
    with socket.create_server(("127.0.0.1", 0)) as server:
        def cut():
            for _ in range(2):
                connection, _ = server.accept()
                connection.recv(1)
                connection.close()
        thread = threading.Thread(target=cut)
        thread.start()
        status, said, figures = load("127.0.0.1:%d" % server.getsockname()[1], "--transport", "tcp",
                                     "--sessions", "2", "--rate", "100", "--seconds", "1")
        thread.join()
    check(status == 1 and "2 connections were lost, and with them 100 messages" in said,
          f"{status} {said}")
    check(figures["verdict"] == "connections_lost" and figures["lost_with_connections"] == 100,
          f"{figures}")
    check("did not answer" not in said, f"told twice: {said}")


def a_machine_that_is_too_slow_is_told():
    """Its sending is held up for a while; all is answered nevertheless."""
    for seconds in 2, 4, 8, 16, 32:  # on a busy machine we may be late: then it has sent all before
        status, said, figures = held_up_load(seconds)
        if figures["late"] > 20 and figures["late_max_us"] > 200000:
            break
    else:
        raise AssertionError(f"never late: {figures}")
    check("this machine can't send 1000 messages/s" in said, f"{said}")
    check(status == 0 and figures["verdict"] == "load_too_slow", f"{said} {figures}")


def held_up_load(seconds):
    """Exit status, stderr and figures."""
    with Gateway() as gateway, tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "json")
        with subprocess.Popen((LOAD, "--target", gateway.address, "--sessions", "10", "--rate", "1000",
                               "--seconds", "2", "--grace", "60", "--progress", "--json", path), text=True,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              start_new_session=True) as sender:
            sender.stderr.readline()  # a second has passed
            os.killpg(sender.pid, signal.SIGSTOP)
            time.sleep(0.3)
            os.killpg(sender.pid, signal.SIGCONT)
            _, said = sender.communicate(timeout=PATIENCE)
        return sender.returncode, said, json.loads(path.read_text())


def silent_sessions_end():
    """And others do not: unless a busy machine silences all. Then the same is played at half the speed."""
    for idle in (1, 2, 4, 8, 16):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "json")
            with Gateway("--idle", str(idle), "--json", str(path)) as gateway:
                load(gateway.address, "--sessions", "10", "--rate", str(20 // idle),
                     "--seconds", str(3 * idle))
            figures = json.loads(path.read_text())
        check(figures["sessions_ended"] > 0 and figures["outstanding"] == 0, f"{figures}")
        if figures["sessions_begun"] > figures["sessions_ended"]:
            return
    check(False, f"all ended: {figures}")


def main():
    failed = 0
    for test in (version_and_help_are_told, conform_takes_a_file,
                 addresses_are_read_and_others_than_the_loopback_warned_of,
                 a_live_line_is_for_terminals, that_nobody_listens_is_told,
                 a_gateway_that_does_not_answer_is_told, lost_connections_are_told,
                 a_machine_that_is_too_slow_is_told, silent_sessions_end):
        try:
            test()
            print(f"ok: {test.__name__}", flush=True)
        except (AssertionError, subprocess.TimeoutExpired) as problem:
            print(f"FAILED: {test.__name__}: {problem}", flush=True)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
