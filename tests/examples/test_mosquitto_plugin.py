#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A real broker with the plugin; mosquitto_pub sends, and mosquitto_sub receives."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from example import PATIENCE, Server, built, main, work_that_takes_longer

BROKER = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")


def sanitizers():
    """The broker was built without: then the plugin's sanitizer has to be loaded before it."""
    needs = subprocess.run(["ldd", built / "mosquitto_plugin.so"], stdout=subprocess.PIPE, text=True)
    return re.findall(r"=> (\S*lib(?:asan|tsan)\.so\S*)", needs.stdout)


class Broker(Server):
    def __init__(self, **options):
        self.folder = tempfile.TemporaryDirectory()
        # Not a port: the broker can't choose one that is free, and one that was free may be taken when it listens.
        self.where = "--unix", f"{self.folder.name}/socket"
        # Of root it would make another user, who may not be allowed to read the plugin.
        lines = [f"listener 0 {self.where[1]}", "user root", "allow_anonymous true", "log_type all",
                 "max_queued_messages 2000", f"plugin {built / 'mosquitto_plugin.so'}"]
        lines += [f"plugin_opt_{name} {value}" for name, value in options.items()]
        path = Path(self.folder.name) / "mosquitto.conf"
        path.write_text("\n".join(lines) + "\n")
        super().__init__(BROKER, "-c", path, env={"LD_PRELOAD": " ".join(sanitizers())})
        try:
            self.line("mosquitto version .* running")
        except AssertionError:
            self.process.kill()
            raise

    def __exit__(self, *failed):
        super().__exit__(*failed)
        self.folder.cleanup()

    def ask(self, lines, *options):
        """Asks each line, and waits for the broker's word. What the client complained about."""
        done = subprocess.run(["mosquitto_pub", *self.where, "-V", "5", "-q", "1", "-t", "ask/me",
                               *options], input="\n".join(lines), stderr=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True, timeout=PATIENCE)
        return done.stdout + done.stderr

    def hear(self, count):
        """A client that ends when it has heard so many answers."""
        client = subprocess.Popen(["mosquitto_sub", *self.where, "-q", "1", "-v", "-t", "ans/#", "-C",
                                   str(count), "-W", str(PATIENCE)], stdout=subprocess.PIPE, text=True)
        self.line("Sending SUBACK")
        return client


def heard_by(client):
    return client.communicate(timeout=PATIENCE)[0].splitlines()


class MosquittoPlugin(unittest.TestCase):
    asked = [f"question {i} " + "x" * (i % 90) for i in range(300)]

    def answers(self, **options):
        with Broker(**options) as broker:
            client = broker.hear(len(self.asked))
            self.assertEqual(broker.ask(self.asked, "-l"), "")
            self.assertEqual(heard_by(client), ["ans/me " + each.upper() for each in self.asked])
        return "\n".join(broker.seen)

    def test_answers_come_in_order(self):
        self.assertIn("answered 300, refused 0, at the end: done", self.answers())

    def test_answers_of_a_slow_service_come_too(self):
        said = self.answers(work_us="200")
        self.assertIn("answered 300, refused 0, at the end: done", said)

    def test_plain_answers_the_same(self):
        self.answers(plain="true")

    def test_a_full_service_refuses_and_what_it_took_is_answered(self):
        refused = 0
        for work_us in work_that_takes_longer():
            with Broker(lane_slots="4", work_us=work_us) as broker:
                refused = len(re.findall("Not authorized", broker.ask(self.asked, "-l")))
                client = broker.hear(1)  # the service goes on: somebody asks until there is room
                while client.poll() is None:
                    broker.ask([], "-m", "still there?")
                self.assertIn("ans/me", heard_by(client)[0])
            if refused > 0:
                break
        said = "\n".join(broker.seen)
        self.assertRegex(said, "refused: no room or memory now")
        self.assertRegex(said, "answered [1-9].*, at the end: done")

    def test_a_payload_longer_than_a_loan_is_refused_and_the_broker_goes_on(self):
        with Broker() as broker, tempfile.NamedTemporaryFile() as large:
            large.write(b"x" * 300000)
            large.flush()
            self.assertIn("Not authorized", broker.ask([], "-f", large.name))
            client = broker.hear(1)
            broker.ask([], "-m", "short")
            self.assertEqual(heard_by(client), ["ans/me SHORT"])
        self.assertRegex("\n".join(broker.seen), "300000 bytes refused: .*out of range")

    def test_a_stop_while_the_service_has_messages_leaves_nothing(self):
        with Broker(work_us="10000") as broker:
            self.assertEqual(broker.ask(self.asked[:50], "-l"), "")
        self.assertIn("refused 0, at the end: done", "\n".join(broker.seen))


if __name__ == "__main__":
    main()
