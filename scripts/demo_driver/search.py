# SPDX-License-Identifier: MIT
"""What is played at which rate: the highest rate that each holds, and all side by side at one."""

import math
import time

LOWEST = 1_000  # messages a second; a machine that can't hold it is too slow to compare anything
TRIES = 2  # a machine stands still now and then: a rate is too high when it was not held so often


def even(rate):
    """A rate that reads well."""
    return int(round(rate, -1))


class Search:
    """The highest rate that is held: steps up, or down, by `factor` until one was held and one was
    not, then plays the middle between them until they are within `resolution`."""

    def __init__(self, start, factor, resolution):
        self.rate = start
        self.factor = factor
        self.resolution = resolution
        self.best = None  # figures at the highest rate that was held
        self.too_high = None
        self.failures = 0
        self.done = False

    def tell(self, figures):
        """What came of playing self.rate."""
        if figures["held"]:
            self.best = figures
        else:
            self.failures += 1
            if self.failures < TRIES:
                return
            self.too_high = self.rate
        self.failures = 0
        self.choose()

    def choose(self):
        held = self.best["rate"] if self.best else None
        if held is None:
            self.done = self.rate <= LOWEST
            self.rate = max(LOWEST, even(self.rate / self.factor))
        elif self.too_high is None:
            self.rate = even(held * self.factor)
        else:
            self.done = self.too_high <= held * self.resolution
            self.rate = even(math.sqrt(held * self.too_high))


def turned(columns, number):
    """Everybody is first, second and last in turn, so that none has an advantage of its place."""
    turn = number % len(columns)
    return columns[turn:] + columns[:turn]


def find(play, searches, until):
    """Plays {column: search} in turn until all are done, or the time.monotonic() has come."""
    number = 0
    while time.monotonic() < until:
        columns = [column for column, search in searches.items() if not search.done]
        if not columns:
            break
        for column in turned(columns, number):
            if time.monotonic() < until:
                searches[column].tell(play(column, searches[column].rate))
        number += 1


def side_by_side(play, columns, rate, rounds):
    """{column: [figures of each round]}"""
    found = {column: [] for column in columns}
    for number in range(rounds):
        for column in turned(columns, number):
            found[column].append(play(column, rate))
    return found
