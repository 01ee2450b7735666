# SPDX-License-Identifier: MIT
"""What scripts/bench, scripts/bench-examples and scripts/demo share. Standard library only."""

import argparse
import os
import pathlib
import platform
import subprocess
import sys


class Failure(Exception):
    """One line for the user: what went wrong, what to do."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{pathlib.Path(self.prog).name}: {message}: see {self.prog} --help\n")


def whole(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 1 up")
    return int(text)


class Progress:
    """A live line on a terminal; nothing elsewhere."""

    def __init__(self):
        self.shown = sys.stderr.isatty()

    def __call__(self, text):
        if self.shown:
            columns = os.get_terminal_size(sys.stderr.fileno()).columns
            if columns:
                text = text[:columns - 1]  # a line that wraps is not cleared
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def end(self):
        self("")


def run_steps(*steps):
    """Runs commands. Shows them on a terminal; elsewhere only one that fails."""
    for step in steps:
        step = [str(word) for word in step]
        output = sys.stderr if sys.stderr.isatty() else subprocess.PIPE
        done = subprocess.run(step, stdout=output, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            sys.stderr.write(done.stdout or "")
            raise Failure(f"'{' '.join(step)}' failed (above): mend it and start again")


def build(configure=(), targets=()):
    """Builds a release."""
    run_steps(["cmake", "--preset", "release", *configure],
              ["cmake", "--build", "--preset", "release", "-j", os.cpu_count(),
               *(("--target", *targets) if targets else ())])


def processor():
    """Its name, and what tells processors of one name apart."""
    found = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines():
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), value.strip())
    name = found.get("model name", "unknown")
    if "cpu family" in found:
        name += f", family {found['cpu family']}, model {found.get('model', '?')}"
    return name


def machine():
    return {"processor": processor(), "cores": os.cpu_count(), "kernel": platform.release(),
            "load_before": os.getloadavg()[0]}


def writable(option, path):
    """Complains before anything is measured of a file that could not be written after it. Creates
    the folders that lead there; - is stdout."""
    if path == "-":
        return
    path = pathlib.Path(path)
    was_there = path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab"):
            pass
        if not was_there:
            path.unlink()
    except OSError as error:
        raise Failure(f"cannot write '{path}': {error.strerror}: give {option} a file that can be "
                      "written") from error


def write(path, text):
    if path == "-":
        sys.stdout.write(text)
    else:
        pathlib.Path(path).write_text(text, encoding="utf-8")


def run(work, say):
    """Runs work(progress) to its end, or says why it was not reached. The exit status."""
    progress = Progress()
    try:
        work(progress)
    except (Failure, OSError) as problem:
        progress.end()
        say(problem)
        return 1
    except KeyboardInterrupt:
        progress.end()
        say("interrupted: nothing was written")
        return 130
    return 0
