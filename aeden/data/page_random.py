"""Random numbers for drawing pages that no version of Python or NumPy changes."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")
# The tests check types at run time, where an int is no float.
Real = int | float


class Dice:
    """A sequence of random choices that is decided by a key.

    All choices are made from `random.Random.random`, the one generator whose sequence Python promises to keep.

    Args:
      key: words and numbers; equal keys give equal choices.
    """

    def __init__(self, *key: str | int):
        digest = hashlib.sha256(repr(key).encode()).digest()
        self._random = random.Random(int.from_bytes(digest[:8], "big")).random

    def uniform(self, low: Real, high: Real) -> Real:
        """A number of [low, high)."""
        return low + (high - low) * self._random()

    def log_uniform(self, low: Real, high: Real) -> Real:
        """A number of [low, high) whose logarithm is uniform; both above 0."""
        return low * (high / low) ** self._random()

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self._random() * (high - low + 1))

    def chance(self, probability: Real) -> bool:
        """True with this probability."""
        return self._random() < probability

    def choose(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[int(self._random() * len(options))]

    def weighted(self, weights: Mapping[T, Real]) -> T:
        """One of the keys, with probabilities in proportion to the values."""
        left = self._random() * sum(weights.values())
        for option, weight in weights.items():
            left -= weight
            if left < 0:
                return option
        return option
