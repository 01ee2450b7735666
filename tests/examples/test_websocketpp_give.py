#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import subprocess
import unittest

from example import PATIENCE, Server, built, connect, hear, main, number, vanish, work_that_takes_longer

SERVER = "websocketpp_give"


def talk(port, **options):
    """Runs the client to its end; every answer must have come, right and in order."""
    words = [str(word) for option in options.items() for word in option]
    done = subprocess.run([built / "websocketpp_client", str(port), *words], timeout=PATIENCE,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise AssertionError(f"the client exited with {done.returncode}: {done.stdout}")


def open_by_hand(port):
    peer = connect(port)
    peer.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += peer.recv(1)
    assert head.startswith(b"HTTP/1.1 101 "), head
    return peer


def masked(payload):
    """A binary frame of less than 126 bytes; the mask is zero."""
    return b"\x82" + bytes([0x80 | len(payload)]) + bytes(4) + payload


class WebsocketppGive(unittest.TestCase):
    def echoes(self, *options, **how):
        with Server(SERVER, *options) as server:
            talk(server.port(), **how)
        return "\n".join(server.seen)

    def test_text_and_binary_come_back_in_order(self):
        said = self.echoes(connections=4, window=32, bytes=300, messages=500)
        self.assertEqual(number(said, "answered"), 2000)

    def test_a_message_longer_than_any_loan_is_given_all_the_same(self):
        self.echoes(connections=2, window=2, bytes=300000, messages=20)

    def test_plain_answers_the_same(self):
        self.echoes("plain", "1", connections=4, window=32, bytes=300, messages=500)

    def test_a_full_service_pauses_peers_and_loses_nothing(self):
        for work_us in work_that_takes_longer(first_us=50):
            said = self.echoes("lane_slots", "4", "work_us", work_us, connections=4, window=200, bytes=40,
                               messages=1000)
            self.assertEqual(number(said, "answered"), 4000)
            if number(said, "paused") > 0:
                break

    def test_a_peer_that_vanishes_while_the_service_has_its_messages_leaves_nothing(self):
        """With the first answer the server has read all: it came in one piece. A reset discards what was not read."""
        asked = b"one of many, and longer than a short string"
        for work_us in work_that_takes_longer():
            with Server(SERVER, "work_us", work_us) as server:
                peer = open_by_hand(server.port())
                peer.sendall(masked(asked) * 60 + masked(b"half a frame")[:8])
                self.assertEqual(hear(peer, 2 + len(asked)), b"\x82" + bytes([len(asked)]) + asked)
                vanish(peer)
                server.line("a peer left without a close")
            said = "\n".join(server.seen)
            gone = number(said, "for peers that had gone")
            self.assertEqual(number(said, "answered") + gone, 60)
            if gone > 0:
                break

    def test_a_stop_answers_what_was_received_and_says_goodbye(self):
        with Server(SERVER, "work_us", "1000") as server:
            peer = open_by_hand(server.port())
            peer.sendall(masked(b"x" * 100) * 200)
            answer = b"\x82\x64" + b"x" * 100
            self.assertEqual(hear(peer, len(answer)), answer)
            server.tell_to_stop()
            heard = 1
            while (head := hear(peer, 2)) == answer[:2]:
                self.assertEqual(hear(peer, 100), b"x" * 100)
                heard += 1
            self.assertEqual(head + hear(peer, 2), b"\x88\x02\x03\xe9")  # close, 1001: going away
            peer.sendall(b"\x88\x82" + bytes(4) + b"\x03\xe9")
            self.assertEqual(hear(peer, 1), b"")
            peer.close()
        self.assertEqual(number("\n".join(server.seen), "answered"), heard)


if __name__ == "__main__":
    main()
