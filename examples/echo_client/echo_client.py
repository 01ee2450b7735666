#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""echo_client in Python: each connection sends numbered messages, with a few unanswered at a time, and verifies every answer.
Exits 0 only if everything was answered correctly.   usage: echo_client.py tcp|udp PORT [CONNECTIONS [MESSAGES]]"""
import socket
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor

WINDOW = 8  # unanswered messages per connection
BYTES = 64
PATIENCE = 60  # seconds without an answer: give up


class Tcp:
    """A frame is a 4-byte little-endian length and the payload."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming = self.socket.makefile("rb")

    def send(self, payload):
        self.socket.sendall(struct.pack("<I", len(payload)) + payload)

    def receive(self):
        header = self.incoming.read(4)
        if len(header) < 4:
            raise ConnectionError("the server closed a connection")
        return self.incoming.read(*struct.unpack("<I", header))


class Udp:
    """A datagram is a payload."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))

    def send(self, payload):
        self.socket.send(payload)

    def receive(self):
        return self.socket.recv(65536)


def payload_of(connection, number):
    head = struct.pack("<QI", number, connection)
    return head + bytes((number * 7 + connection * 13 + i) % 256 for i in range(len(head), BYTES))


def talk(peer, connection, messages):
    waiting, sent = set(), 0
    while sent < messages or waiting:
        if sent < messages and len(waiting) < WINDOW:
            payload = payload_of(connection, sent)
            peer.send(payload)
            waiting.add(payload)
            sent += 1
        else:
            answer = peer.receive()
            if answer not in waiting:
                raise ValueError(f"connection {connection}: wrong, or answered twice: {answer!r}")
            waiting.remove(answer)


def main(transport, port, connections="1", messages="10000"):
    connections, messages = int(connections), int(messages)
    peers = [{"tcp": Tcp, "udp": Udp}[transport](int(port)) for _ in range(connections)]
    begin = time.monotonic()
    with ThreadPoolExecutor(connections) as threads:
        for done in [threads.submit(talk, peer, i, messages) for i, peer in enumerate(peers)]:
            done.result()
    answered = connections * messages
    print(f"{answered} answered: {answered / (time.monotonic() - begin):.0f} round trips per second")


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 5 or sys.argv[1] not in ("tcp", "udp"):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        main(*sys.argv[1:])
    except (OSError, ValueError) as error:
        sys.exit(f"echo_client: {error}")
