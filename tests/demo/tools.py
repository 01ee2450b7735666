#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fake handoff-gateway and handoff-load: they send no messages, and {handoff: plan} decides the answers.
Run as a program it acts as the tool whose name it has; PLAN in the environment has the plans, and every
run is the first. A plan has
  holds     messages a second that are answered in time
  then      holds from the run number `after` of this handoff on
  stalls    numbers of the runs of this handoff that lag whatever the rate
  loses     1: above what it holds messages are lost, 0: they only come late
  faults    figures that replace those of every run
"""
import json
import os
import pathlib
import signal
import sys

GATEWAY = {"received": 100_000, "copies_per_message": 0, "cpu_seconds": 1.5, "peak_rss_bytes": 1 << 20, "wakes": 100,
           "late_wakes": 0, "outstanding": 0, "conserved": 1}


class Plans:
    """{handoff: plan}, and how many runs of each there have been."""

    def __init__(self, plans):
        self.plans = plans
        self.runs = {}

    def figures(self, handoff, transport, sessions, rate, seconds):
        """What both tools write of one run."""
        plan = {"holds": 50_000, "loses": 1, **self.plans.get(handoff, {})}
        number = self.runs[handoff] = self.runs.get(handoff, 0) + 1
        holds = plan["then"] if number >= plan.get("after", sys.maxsize) else plan["holds"]
        sent = rate * seconds
        over = max(0, rate - holds)
        lost = int(sent * over / rate) if plan["loses"] else 0
        late = over or number in plan.get("stalls", ())
        return {**GATEWAY, "handoff": handoff, "transport": transport, "sessions": sessions,
                "rate": rate, "seconds": seconds, "sent": sent, "answered": sent - lost, "lost": lost,
                "corrupt": 0, "duplicated": 0, "p50_us": 200 + number,
                "p99_us": 700_000 if late else plan.get("p99_us", 4_000) + number,
                **plan.get("faults", {})}


def gateway(options):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    print(f"handoff-gateway: listening on udp {options['--handoff']}:1", flush=True)
    signal.sigwait([signal.SIGTERM])
    return {}


def load(options):
    rate, seconds = (int(options[name]) for name in ("--rate", "--seconds"))
    print(f"   1 s  sent {rate:7}/s  answered {rate:7}/s  open 0", file=sys.stderr)
    return Plans(json.loads(os.environ["PLAN"])).figures(
        options["--target"].split(":")[0], options["--transport"], int(options["--sessions"]), rate,
        seconds)


def main():
    words = [word for word in sys.argv[1:] if word != "--progress"]
    options = dict(zip(words[::2], words[1::2]))
    figures = (gateway if sys.argv[0].endswith("gateway") else load)(options)
    pathlib.Path(options["--json"]).write_text(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
