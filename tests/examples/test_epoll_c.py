#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import unittest

from example import Server, main
from stream_server import StreamServer


class EpollC(StreamServer, unittest.TestCase):
    def started(self, *words):
        return Server("epoll_c", *words)


if __name__ == "__main__":
    main()
