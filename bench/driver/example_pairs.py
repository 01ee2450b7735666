# SPDX-License-Identifier: MIT
"""Each example server and the same server without handoff: what its clients do, and one run of it."""

import dataclasses
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from common import Failure

RUN_SECONDS_MOST = 120


@dataclasses.dataclass(frozen=True)
class Pair:
    name: str
    client: str  # a program in the build folder, which verifies every answer
    words: str
    messages: int  # of each peer
    with_handoff: str = "port 0"
    without: str = "port 0 plain 1"

    def run(self, build, plain, messages):
        """One run: answers per second, and the server's processor time for each."""
        server = Server(build / self.name / self.name, *(self.without if plain else self.with_handoff).split())
        words = [*self.words.replace("PORT", server.port_number()).split(), "messages", str(messages)]
        with server:
            said = output_of([build / self.client, *words])
        answered = int(re.search(r"(\d+) answered", said)[1])
        return figures(server, answered, float(re.search(r"([\d.]+) round trips", said)[1]))


@dataclasses.dataclass(frozen=True)
class Plugin:
    """Of a broker; its client's answers are verified here."""
    name: str
    messages: int
    client: str = "mosquitto_pub, mosquitto_sub"
    words: str = "-q 1 -l"

    def run(self, build, plain, messages):
        port = free_port()
        asked = [f"question {i} " + "x" * 50 for i in range(messages)]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "mosquitto.conf")
            path.write_text("\n".join((
                f"listener {port} 127.0.0.1", "user root", "allow_anonymous true", "log_dest stderr",
                "log_type information", "log_type subscribe", "max_queued_messages 0",
                "max_inflight_messages 0", f"plugin {(build / self.name / self.name).resolve()}.so",
                f"plugin_opt_plain {'true' if plain else 'false'}", "")), encoding="utf-8")
            server = Server(broker(), "-c", path)
            server.line(r"mosquitto version .* running")
            with server:
                to = ["-p", str(port), "-q", "1"]
                with subprocess.Popen(["mosquitto_sub", *to, "-t", "ans/#", "-C", str(messages)],
                                      stdout=subprocess.PIPE, text=True) as listener:
                    server.line(r"ans/#")
                    began = time.monotonic()
                    output_of(["mosquitto_pub", *to, "-l", "-t", "ask/me"], "\n".join(asked))
                    heard = listener.communicate(timeout=RUN_SECONDS_MOST)[0].splitlines()
                    took = time.monotonic() - began
        if heard != [each.upper() for each in asked]:
            raise Failure(f"{self.name}: answers are missing or wrong: run tests/examples/test_{self.name}.py")
        return figures(server, messages, messages / took)


TCP = "tcp PORT connections 50 window 8"
PAIRS = (
    Pair("asio_session", "echo_client/echo_client", TCP, 20_000),
    Pair("epoll_c", "echo_client/echo_client", TCP, 20_000),
    Pair("libuv_loan", "echo_client/echo_client", TCP, 20_000),
    Pair("websocketpp_give", "websocketpp_give/websocketpp_client", "PORT connections 50 window 8", 5_000),
    Pair("enet_give", "enet_give/enet_client", "PORT peers 50 window 8", 5_000),
    Pair("grpc_give", "grpc_give/grpc_client", "PORT window 64", 15_000),
    Plugin("mosquitto_plugin", 10_000),
)


class Server:
    """A running server, as a context: stopped at its end. Then `seconds` is the processor time that it took."""

    def __init__(self, *command):
        self.command = " ".join(map(str, command))
        self.process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.seconds = 0
        self.patience = threading.Timer(RUN_SECONDS_MOST, self.process.kill)
        self.patience.start()

    def line(self, pattern):
        """The match in the next line that has the pattern."""
        for line in self.process.stdout:
            if found := re.search(pattern, line):
                return found
        self.patience.cancel()
        raise Failure(f"'{self.command}' ended early: run it by hand")

    def port_number(self):
        return self.line(r"listening on .*:(\d+)$")[1]

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        self.process.send_signal(signal.SIGKILL if failed else signal.SIGTERM)
        self.process.stdout.read()
        self.patience.cancel()
        _, status, used = os.wait4(self.process.pid, 0)
        self.process.returncode = status
        self.process.stdout.close()
        self.seconds = used.ru_utime + used.ru_stime
        if status and not failed:
            raise Failure(f"'{self.command}' left something over: run it by hand")


def output_of(command, words=None):
    """What a client prints; it must have verified everything."""
    command = [str(word) for word in command]
    done = subprocess.run(command, input=words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=RUN_SECONDS_MOST, check=False)
    if done.returncode != 0:
        raise Failure(f"'{' '.join(command)}' failed ({done.stdout.strip()}): run it by hand")
    return done.stdout


def figures(server, answered, per_second):
    return {"answered": answered, "per_second": per_second, "us_each": server.seconds / answered * 1e6}


def broker():
    return shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def is_built(pair, build):
    """With the program that serves it, and its clients."""
    if isinstance(pair, Plugin):
        return (build / pair.name / f"{pair.name}.so").exists() and bool(
            broker() and shutil.which("mosquitto_pub"))
    return (build / pair.name / pair.name).exists() and (build / pair.client).exists()
