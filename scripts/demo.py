# SPDX-License-Identifier: MIT
"""What scripts/demo runs: builds a release, runs gateway and load for every handoff and for none,
and ends with one table. Standard library only."""

import argparse
import contextlib
import ctypes
import json
import os
import pathlib
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path("build/release")
BUFFER_BYTES = 32 << 20  # of the gateway's sockets; what a burst of all sessions fits into
SPARE_FILES = 256
START_SECONDS = 15
STOP_SECONDS = 20
HANDOFFS = ("handoff", "strings", "none")
SO_RCVBUFFORCE = 33
PR_SET_PDEATHSIG = 1
DEFAULTS = {"udp": {"sessions": 21000, "rate": 128000}, "tcp": {"sessions": 5000, "rate": 50000}}

# The figures that every run has, in the order of the JSON.
KEYS = """handoff transport sessions rate seconds sent received answered lost corrupt p50_us p99_us
p999_us max_us copies_per_message cpu_seconds peak_rss_bytes arena_peak_bytes fragmentation_percent
wakes late_wakes""".split()

# Line of the table, key, format of a value.
LINES = [
    ("messages sent", "sent", "{:,.0f}"),
    ("received by the gateway", "received", "{:,.0f}"),
    ("answered, verified", "answered", "{:,.0f}"),
    ("lost", "lost", "{:,.0f}"),
    ("corrupt", "corrupt", "{:,.0f}"),
    ("latency p50, us", "p50_us", "{:,.0f}"),
    ("latency p99, us", "p99_us", "{:,.0f}"),
    ("latency p99.9, us", "p999_us", "{:,.0f}"),
    ("latency max, us", "max_us", "{:,.0f}"),
    ("copies per message", "copies_per_message", "{:.2f}"),
    ("gateway CPU, s", "cpu_seconds", "{:.2f}"),
    ("gateway peak RSS, MiB", "peak_rss_bytes", "MiB"),
    ("arena peak, MiB", "arena_peak_bytes", "MiB"),
    ("fragmentation, %", "fragmentation_percent", "{:.1f}"),
    ("wakes", "wakes", "{:,.0f}"),
    ("late wakes", "late_wakes", "{:,.0f}"),
]


class Failure(Exception):
    """One line for the user: what went wrong, what to do."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"demo: {message}: see scripts/demo --help\n")


def whole(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 1 up")
    return int(text)


def arguments():
    parser = Parser(prog="scripts/demo", allow_abbrev=False, description=(
        "Builds a release, starts gateway and load, shows a live line per second and ends with one "
        "table. Without --handoff, all three run one after the other and stand side by side."))
    parser.add_argument("--transport", choices=("udp", "tcp"), default="udp")
    parser.add_argument("--sessions", type=whole, help="udp 21000, tcp 5000")
    parser.add_argument("--rate", type=whole, help="messages a second; udp 128000, tcp 50000")
    parser.add_argument("--seconds", type=whole, default=10, help="how long to send (10)")
    parser.add_argument("--workers", type=whole, help=(
        "threads per service (the gateway's default); none has none"))
    parser.add_argument("--handoff", choices=HANDOFFS, help=(
        "handoff: this library. strings: two std::string copies and a locked queue. none: the "
        "network thread answers by itself: what sockets, kernel and this machine cost. Default: "
        "all three"))
    parser.add_argument("--json", metavar="FILE", help="write a list with one object per run")
    asked = parser.parse_args()
    if asked.handoff == "none" and asked.workers:
        parser.error("--handoff none has no workers")
    for name, value in DEFAULTS[asked.transport].items():
        if getattr(asked, name) is None:
            setattr(asked, name, value)
    return asked


def say(text):
    print(f"demo: {text}", file=sys.stderr, flush=True)


def build():
    """Shows the build on a terminal; elsewhere only when it fails."""
    steps = (["cmake", "--preset", "release"],
             ["cmake", "--build", "--preset", "release", "-j", str(os.cpu_count()),
              "--target", "handoff-gateway", "handoff-load"])
    say("building a release")
    for step in steps:
        output = None if sys.stderr.isatty() else subprocess.PIPE
        done = subprocess.run(step, stdout=output or sys.stderr, stderr=subprocess.STDOUT,
                              text=True, check=False)
        if done.returncode != 0:
            sys.stderr.write(done.stdout or "")
            raise Failure(f"'{' '.join(step)}' failed (above): mend it and start again")


def raise_open_files(asked):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if asked.transport == "tcp" and hard < asked.sessions + SPARE_FILES:
        raise Failure(f"{asked.sessions} TCP sessions need as many open files in the gateway, and "
                      f"the limit is {hard}: ask for fewer, or raise it (ulimit -n, limits.conf)")


def granted_buffer():
    """The receive buffer that a process of this user can get; the kernel reports it doubled."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        except PermissionError:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        return probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


def raise_socket_buffers():
    """A privileged process gets its buffers past the limit; another one needs the limit raised."""
    if granted_buffer() >= BUFFER_BYTES:
        return
    for name in ("rmem_max", "wmem_max"):
        path = pathlib.Path("/proc/sys/net/core", name)
        before = path.read_text(encoding="ascii").strip()
        if int(before) >= BUFFER_BYTES:
            continue
        try:
            path.write_text(f"{BUFFER_BYTES}\n", encoding="ascii")
            say(f"changed net.core.{name} from {before} to {BUFFER_BYTES}; it stays so until reboot")
        except OSError:
            say(f"net.core.{name} is {before}, so bursts may be lost: "
                f"run 'sudo sysctl -w net.core.{name}={BUFFER_BYTES}'")


def die_with_parent():
    """Even if this process is killed outright, nothing is left running."""
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
    """Reads the line that says where the gateway listens."""
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
    if not found:
        raise Failure("the gateway did not start: its messages are above")
    return found.group(1).decode()


def gateway_command(asked, handoff, figures):
    command = [BUILD / "tools/gateway/handoff-gateway", "--transport", asked.transport,
               "--listen", "127.0.0.1:0", "--handoff", handoff,
               "--sessions", str(asked.sessions), "--connections", str(asked.sessions),
               "--json", figures]
    if asked.workers and handoff != "none":
        command += ["--workers", str(asked.workers)]
    return command


def load_command(asked, address, figures):
    return [BUILD / "tools/load/handoff-load", "--transport", asked.transport, "--target", address,
            "--sessions", str(asked.sessions), "--rate", str(asked.rate),
            "--seconds", str(asked.seconds), "--json", figures]


def stop(gateway):
    """Asks the gateway to end and waits for its figures. Returns whether it ended in good order."""
    gateway.terminate()
    try:
        gateway.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"the gateway did not end within {STOP_SECONDS} s: it hangs") from late
    return gateway.returncode == 0


def run(asked, handoff, folder):
    """Runs one of HANDOFFS. Returns its figures and whether all was right."""
    ours, theirs, log = (folder / f"{handoff}-{name}" for name in ("load", "gateway", "log"))
    say(f"{handoff}: {asked.transport}, {asked.sessions} sessions, {asked.rate} messages/s "
        f"for {asked.seconds} s")
    with open(log, "w+b") as messages:
        try:
            with started(gateway_command(asked, handoff, theirs), stdout=subprocess.PIPE,
                         stderr=messages) as gateway:
                address = await_address(gateway)
                with started(load_command(asked, address, ours),
                             stdout=subprocess.DEVNULL) as load:
                    right = load.wait() == 0
                orderly = stop(gateway)
        finally:
            sys.stderr.write(log.read_text(encoding="utf-8", errors="replace"))
    if not ours.exists() or not theirs.exists():
        raise Failure(f"{handoff}: no figures came back: the messages above say why")
    figures = json.loads(theirs.read_text(encoding="ascii"))
    figures.update(json.loads(ours.read_text(encoding="ascii")))
    missing = [key for key in KEYS if key not in figures]
    if missing:
        raise Failure(f"{handoff}: the figures lack {', '.join(missing)}: rebuild")
    ordered = {key: figures.pop(key) for key in KEYS}
    return {**ordered, **figures}, right and orderly


def shown(form, value):
    return f"{value / (1 << 20):,.1f}" if form == "MiB" else form.format(value)


def table(asked, runs):
    """The one table: a line per figure, a column per run."""
    columns = "".join(f"{figures['handoff']:>14}" for figures in runs)
    print(f"\n{asked.transport}, {asked.sessions:,} sessions, {asked.rate:,} messages/s, "
          f"{asked.seconds} s\n")
    print(f"{'':<26}{columns}")
    for title, key, form in LINES:
        print(f"{title:<26}" + "".join(f"{shown(form, figures[key]):>14}" for figures in runs))


def write_json(path, runs):
    text = "[\n" + ",\n".join(json.dumps(figures) for figures in runs) + "\n]\n"
    try:
        pathlib.Path(path).write_text(text, encoding="ascii")
    except OSError as error:
        raise Failure(f"cannot write '{path}': {error.strerror}: give --json a file that can be "
                      "written") from error


def demo(asked):
    build()
    raise_open_files(asked)
    raise_socket_buffers()
    runs = []
    all_right = True
    with tempfile.TemporaryDirectory() as folder:
        for handoff in [asked.handoff] if asked.handoff else HANDOFFS:
            figures, right = run(asked, handoff, pathlib.Path(folder))
            runs.append(figures)
            # What the others lose under load is a result, not a failure of the demo.
            all_right = all_right and (right or handoff != "handoff")
    table(asked, runs)
    if asked.json:
        write_json(asked.json, runs)
    return 0 if all_right else 1


def ended_by(number, _frame):
    raise Failure(f"ended by {signal.Signals(number).name}: nothing is left running")


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ended_by)
    try:
        return demo(arguments())
    except Failure as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
