#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import re
import shutil
import socket
import subprocess
import sys
import threading
import unittest
from pathlib import Path

from example import PATIENCE, Server, built, connect, frame, hear, hear_frame, main, run_client, udp_to, vanish

CLIENTS = Path(__file__).resolve().parents[2] / "examples" / "echo_client"

class EchoServer(unittest.TestCase):
    """Also of the servers with its protocol and its reports, whose services are in other languages."""
    command = ("echo_server",)

    def started(self):
        server = Server(*self.command)
        self.addCleanup(server.process.kill)
        return server, server.port("udp"), server.port("tcp")

    def counts(self, server):
        """What the last report says: received, answered, refused."""
        said = re.findall(r"received (\d+), answered (\d+), refused (\d+)", server.stop())
        self.assertNotEqual(said, [])
        return tuple(map(int, said[-1]))

    def test_both_transports_at_once(self):
        server, udp, tcp = self.started()
        with server:
            other = threading.Thread(target=run_client, args=("udp", udp),
                                     kwargs={"connections": 8, "window": 4, "messages": 500})
            other.start()
            run_client("tcp", tcp, connections=16, window=16, messages=500, bytes=700)
            other.join()
            self.assertEqual(self.counts(server), (12000, 12000, 0))

    def test_a_stop_under_load_loses_no_answer(self):
        server, _, tcp = self.started()
        with server, connect(tcp) as peer:
            heard, sent = [], [0]

            def say():
                try:
                    while True:
                        peer.sendall(frame(b"%d" % sent[0]))
                        sent[0] += 1
                except OSError:
                    pass  # it stopped

            def listen():
                while (payload := hear_frame(peer)) is not None:
                    heard.append(int(payload))
                    if len(heard) == 200:
                        server.tell_to_stop()
                peer.shutdown(socket.SHUT_RDWR)

            threads = [threading.Thread(target=say), threading.Thread(target=listen)]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            received, answered, _ = self.counts(server)
            self.assertEqual(received, answered)
            self.assertEqual(sorted(heard), list(range(received)))
            self.assertGreaterEqual(received, 200)

    def test_peers_that_vanish_in_a_frame_leave_nothing(self):
        server, _, tcp = self.started()
        with server:
            for _ in range(50):
                peer = connect(tcp)
                peer.sendall(frame(b"x" * 1000) * 20 + frame(b"y" * 1000)[:500])
                vanish(peer)
            run_client("tcp", tcp, messages=1000)

    def test_what_is_too_large_is_refused(self):
        server, udp, tcp = self.started()
        with server:
            with connect(tcp) as peer:
                peer.sendall(frame(b"good") + (1 << 30).to_bytes(4, "little") + b"bad")
                self.assertEqual(hear(peer, 100), frame(b"good"))  # answered, then closed
            with udp_to(udp) as peer:
                peer.send(b"x" * 3000)
                peer.send(b"good")
                self.assertEqual(peer.recv(4000), b"good")
            self.assertEqual(self.counts(server), (2, 2, 2))

    def test_a_full_service_loses_nothing_over_tcp(self):
        server, _, tcp = self.started()
        with server:
            run_client("tcp", tcp, connections=4, window=5000, messages=5000, bytes=12)


class OtherClients(unittest.TestCase):
    """The clients in Python and Rust against the same server."""

    def talk(self, *client):
        with Server("echo_server") as server:
            for transport, port in ("udp", server.port("udp")), ("tcp", server.port("tcp")):
                said = self.run_client(client, transport, port, 8, 500)
                self.assertRegex(said, r"^4000 answered: \d+ round trips per second\n$")

    def run_client(self, client, *words):
        done = subprocess.run([*client, *map(str, words)], timeout=PATIENCE, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def refuse(self, *client):
        """An answer that is wrong, or comes twice, ends it; so does a server that goes."""
        for wrong in b"x" * 64, None, b"":
            with socket.create_server(("127.0.0.1", 0)) as server:
                process = subprocess.Popen([*map(str, client), "tcp", str(server.getsockname()[1])],
                                           text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                with server.accept()[0] as peer:
                    first = hear_frame(peer)
                    if wrong != b"":
                        peer.sendall(frame(wrong or first) * 2)
                    else:
                        peer.shutdown(socket.SHUT_WR)
                    said = process.communicate(timeout=PATIENCE)
                self.assertEqual((process.returncode, said[0]), (1, ""))
                self.assertRegex(said[1], "^echo_client: .*\n$")

    def test_python(self):
        self.talk(sys.executable, CLIENTS / "echo_client.py")
        self.refuse(sys.executable, CLIENTS / "echo_client.py")

    @unittest.skipUnless(shutil.which("rustc"), "rustc is not here")
    def test_rust(self):
        client = built / "echo_client_rust"
        subprocess.run(["rustc", "--edition", "2021", "-O", "-Dwarnings", "-o", client,
                        CLIENTS / "echo_client.rs"], check=True)
        self.talk(client)
        self.refuse(client)


if __name__ == "__main__":
    main()
