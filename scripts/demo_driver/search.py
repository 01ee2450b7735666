# SPDX-License-Identifier: MIT
"""Chooses what is played at which rate: the highest rate that each holds, and all at one rate."""

import math
import time

LOWEST = 1_000  # messages a second; a machine that can't hold this is too slow to compare
TRIES = 2  # machines stall now and then: a rate is too high only after this many failures


def even(rate):
    """Rounds a rate for reading."""
    return int(round(rate, -1))


class Search:
    """The highest rate that is held: steps up or down by `factor` until one was held and one was
    not, then bisects until they are within `resolution`."""

    def __init__(self, start, factor, resolution):
        self.rate = start
        self.factor = factor
        self.resolution = resolution
        self.best = None  # figures at the highest rate that was held
        self.too_high = None
        self.failures = 0
        self.done = False

    def tell(self, figures):
        """Takes the result of playing self.rate."""
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
    """Rotates the order, so that none gains from its position."""
    turn = number % len(columns)
    return columns[turn:] + columns[:turn]


def find(play, searches, until):
    """Plays {column: search} in turn until all are done, or until this time.monotonic()."""
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
