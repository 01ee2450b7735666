#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A bad network between UDP peers and a server: relays datagrams both ways, loses some, delays all and
reorders some. Prints its own address. The same seed every time.

usage: bad_network.py ADDRESS SERVER:PORT
"""
import heapq
import random
import select
import socket
import sys
import time

LOSS = 0.02
DELAY = (0.002, 0.045)  # seconds, so that neighbours of a stream overtake each other


def main():
    address, server = sys.argv[1:]
    host, port = server.rsplit(":", 1)
    chance = random.Random(1)
    front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    front.bind((address, 0))
    front.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    print("%s:%d" % front.getsockname(), flush=True)
    behind = {}  # by the peer's address: a socket to the server
    peers = {}  # by such a socket: the peer's address
    waiting = []  # (when, number, socket, datagram, to)
    count = 0
    while True:
        pause = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        for ready in select.select([front, *peers], [], [], pause)[0]:
            datagram, sender = ready.recvfrom(65536)
            if ready is front and sender not in behind:
                behind[sender] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                behind[sender].connect((host, int(port)))
                peers[behind[sender]] = sender
            out, to = (behind[sender], None) if ready is front else (front, peers[ready])
            if chance.random() >= LOSS:
                count += 1
                when = time.monotonic() + chance.uniform(*DELAY)
                heapq.heappush(waiting, (when, count, out, datagram, to))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, out, datagram, to = heapq.heappop(waiting)
            if to:
                out.sendto(datagram, to)
            else:
                out.send(datagram)


if __name__ == "__main__":
    main()
