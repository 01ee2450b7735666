# SPDX-License-Identifier: MIT
"""The game server's scenario: handoff against strings in a locked queue over each allocator.
bench/story/README.md says what each figure is."""

import json
import os
import pathlib
import shutil
import statistics
import subprocess

import contestants
import rounds

PROGRAMS = ("handoff_single", "handoff_batch", "handoff_unpadded", "strings")
UNPADDED = "handoff_unpadded"
SESSIONS = (14_000, 21_000)
ROUNDS_MOST = 3
LIVE_MS = 4000  # four raids
SHORT_MS = 1700  # two
FIRST_SESSIONS, STEP, MOST_SESSIONS = 7_000, 1.1, 1_000_000
STEPS = ("2048", "1024")  # messages; of these kept
RAIDS = 6  # in simulated time
WORKERS, SENDERS = (16, 112), (8, 64)  # two runs that differ in threads of one kind
LOCKS = "libbench-locks.so"
MEDIANS = ("p50_ns", "p99_ns", "alloc_p50_ns", "alloc_p999_ns", "object_p50_ns", "object_p999_ns",
           "raid_ns", "raid_read_ns", "lost", "live_bytes", "held_bytes", "held_most_bytes",
           "fragmentation", "peak_fragmentation", "dead_share", "cpu_seconds", "sender_cpu_seconds",
           "messages_per_second")


def field(build, complain):
    """handoff's loans and the strings over each allocator."""
    return [c for c in contestants.present(build, complain) if c.program in PROGRAMS]


def play(build, contestant, *words, preload=(), before=()):
    """One run of a contestant's program: its figures, and what was written on stderr."""
    program = str(pathlib.Path(build, "bench", f"bench-story-{contestant.program}"))
    libraries = ":".join(filter(None, (*preload, contestant.preload)))
    command = [*before, "env", "LD_BIND_NOW=1", f"LD_PRELOAD={libraries}", program, *map(str, words)]
    try:
        done = subprocess.run(command, env=os.environ | {"LC_ALL": "C"}, capture_output=True,
                              text=True, check=False, timeout=rounds.RUN_SECONDS_MOST)
    except subprocess.TimeoutExpired as late:
        raise rounds.Failure(f"{contestant.name}: no end in {late.timeout:.0f} s: "
                             f"run '{' '.join(command)}' by hand") from late
    if done.returncode != 0:
        raise rounds.Failure(f"{contestant.name}: failed ({done.stderr.strip()}): "
                             f"run '{' '.join(command)}' by hand")
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def counted(build, contestant, sessions):
    """Locks, futex calls and sleeps a second: a run of its own, since counting costs time."""
    perf = ("perf", "stat", "-x,", "-e", "syscalls:sys_enter_futex")
    locks = (str(pathlib.Path(build, "bench", LOCKS).resolve()),)
    words = ("raid", sessions, SHORT_MS)
    counts = ""
    try:
        run, counts = play(build, contestant, *words, preload=locks,
                           before=perf if shutil.which("perf") else ())
    except rounds.Failure:  # perf may be there and not be allowed to count
        run, counts = play(build, contestant, *words, preload=locks)
    figures = {key: run[key] for key in
               ("locks_per_second", "contended_per_second", "switches_per_second")}
    futexes = [line.split(",")[0] for line in counts.splitlines() if "sys_enter_futex" in line]
    found = futexes and futexes[0].isdecimal()
    figures["futex_per_second"] = int(futexes[0]) / run["seconds"] if found else None
    return figures


def live(build, players, number_of_rounds, progress):
    """One object per contestant and number of sessions; who begins a round turns."""
    lines = []
    for sessions in SESSIONS:
        runs = {c: [] for c in players}
        for number in range(number_of_rounds):
            turn = number % len(players)
            for contestant in players[turn:] + players[:turn]:
                progress(f"story: {sessions} sessions, round {number + 1}: {contestant.name}")
                runs[contestant].append(play(build, contestant, "raid", sessions, LIVE_MS)[0])
        for contestant in players:
            progress(f"story: {sessions} sessions, counting: {contestant.name}")
            line = {"contestant": contestant.name, "sessions": sessions}
            for key in MEDIANS:
                line[key] = statistics.median(run[key] for run in runs[contestant])
            line["p99_runs"] = [run["p99_ns"] for run in runs[contestant]]
            lines.append(line | counted(build, contestant, sessions))
    return lines


def slope(build, contestant, settings):
    """Bytes that a further thread of one kind comes to, its rings aside."""
    few, many = (play(build, contestant, "threads", *setting)[0] for setting in settings)
    bytes_of = [run["grown_bytes"] - run["ring_bytes"] for run in (few, many)]
    return (bytes_of[1] - bytes_of[0]) / (sum(settings[1]) - sum(settings[0]))


def still(build, players, progress):
    """What hangs on no clock: instructions of allocations, the memory of raids' objects, bytes of a further thread."""
    lines = []
    for contestant in players:
        progress(f"story: instructions, objects and threads: {contestant.name}")
        steps = play(build, contestant, "steps", *STEPS)[0]
        objects = play(build, contestant, "objects", RAIDS)[0]
        lines.append({
            "contestant": contestant.name,
            **{key: steps[key] for key in
               ("allocations", "steps_p50", "steps_p999", "steps_most", "locked_most")},
            "object_live_bytes": objects["live_bytes"], "object_held_bytes": objects["held_bytes"],
            "object_fragmentation": objects["fragmentation"],
            "worker_bytes": slope(build, contestant, [(1, n) for n in WORKERS]),
            "sender_bytes": slope(build, contestant, [(n, 1) for n in SENDERS])})
    return lines


def holds(sessions):
    """Yields sessions to try and is sent whether anything was lost: do two of three lose nothing?"""
    clean = lossy = 0
    while max(clean, lossy) < 2:
        if (yield sessions):
            lossy += 1
        else:
            clean += 1
    return clean == 2


def climb():
    """Doubles the sessions until there is a loss, then raises what held by a tenth each time until
    there is one. Returns the most that held."""
    held, lossy = 0, FIRST_SESSIONS
    while lossy < MOST_SESSIONS and (yield from holds(lossy)):
        held, lossy = lossy, lossy * 2
    step = int(held * STEP)
    while held < step < lossy and (yield from holds(step)):
        held, step = step, int(step * STEP)
    return held


def most_sessions(build, players, progress):
    """{name: sessions}. The contestants take turns, a run each."""
    climbs = {c: climb() for c in players}
    asked = {c: next(steps) for c, steps in climbs.items()}
    held = {}
    while asked:
        for contestant, sessions in list(asked.items()):
            progress(f"story: {contestant.name}: {sessions} sessions")
            run, _ = play(build, contestant, "raid", sessions, SHORT_MS)
            try:
                asked[contestant] = climbs[contestant].send(run["lost"] > 0)
            except StopIteration as end:
                held[contestant.name] = end.value
                del asked[contestant]
    return {c.name: held[c.name] for c in players}


def tell(build, number_of_rounds, progress, complain):
    players = field(build, complain)
    padded = [c for c in players if c.program != UNPADDED]
    return {"lines": live(build, players, min(number_of_rounds, ROUNDS_MOST), progress),
            "still": still(build, padded, progress),
            "sessions_without_loss": most_sessions(build, padded, progress)}
