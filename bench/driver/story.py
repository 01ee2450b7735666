# SPDX-License-Identifier: MIT
"""The game server's scenario: handoff against strings in a locked queue over each allocator."""

import csv
import io
import pathlib
import shutil
import statistics
import subprocess

import contestants
import rounds

SESSIONS = (14_000, 21_000)
FIRST_SESSIONS, STEP, MOST_SESSIONS = 14_000, 1.2, 500_000
LOCKS = "libbench-locks.so"


def field(build, complain):
    """handoff's loans and the strings over each allocator: who can play it."""
    return [c for c, can in contestants.present(build, complain).items() if "raid" in can]


def counted(build, contestant, sessions):
    """Lock calls, contended ones and futex system calls a second: runs of their own, since counting
    costs time. Locks by a preloaded pthread_mutex_lock, futex calls by perf."""
    program = str(pathlib.Path(build, "bench", f"bench-{contestant.program}"))
    play = [program, "raid", "--sessions", str(sessions)]
    preload = ":".join(filter(None, (str(pathlib.Path(build, "bench", LOCKS)), contestant.preload)))
    done = subprocess.run(["env", f"LD_PRELOAD={preload}", *play], capture_output=True, text=True,
                          check=True)
    words = done.stderr.split()
    locks = dict(zip(words[0::2], map(int, words[1::2])))
    figures = {"locks_per_second": locks["locks"] / rounds.RAID_SECONDS,
               "contended_per_second": locks["contended"] / rounds.RAID_SECONDS,
               "futex_per_second": None}
    if shutil.which("perf"):
        done = subprocess.run(
            ["perf", "stat", "-x,", "-e", "syscalls:sys_enter_futex", "env",
             f"LD_PRELOAD={contestant.preload}", *play], capture_output=True, text=True, check=False)
        row = next(csv.reader(io.StringIO(done.stderr)), [""])
        if row[0].isdecimal():
            figures["futex_per_second"] = int(row[0]) / rounds.RAID_SECONDS
    return figures


def most_sessions(build, contestant, progress):
    """The last step before the first loss, as the sessions rise."""
    held, sessions = 0, FIRST_SESSIONS
    while sessions < MOST_SESSIONS:
        progress(f"story: {contestant.name}: {sessions} sessions")
        if rounds.run(build, contestant, "raid", ("--sessions", str(sessions)))["lost"]:
            break
        held, sessions = sessions, int(sessions * STEP)
    return held


def tell(build, number_of_rounds, progress, complain):
    """One object per contestant and number of sessions."""
    players = field(build, complain)
    lines = []
    for sessions in SESSIONS:
        figures = rounds.play(build, players, "raid", ("--sessions", str(sessions)),
                              number_of_rounds, progress)
        for contestant, runs in figures.items():
            progress(f"story: {contestant.name}: locks")
            line = {"contestant": contestant.name, "sessions": sessions}
            for key in ("p50_ns", "p99_ns", "call_p999_ns", "peak_bytes", "lost"):
                line[key] = statistics.median(run[key] for run in runs)
            line.update(counted(build, contestant, sessions))
            lines.append(line)
    held = {c.name: [most_sessions(build, c, progress) for _ in range(number_of_rounds)]
            for c in players}
    return {"lines": lines,
            "sessions_without_loss": {name: statistics.median(runs) for name, runs in held.items()},
            "sessions_runs": held}
