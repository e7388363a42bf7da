"""Types of arguments for `argparse`, whose errors say in words what is wrong."""

from __future__ import annotations

import argparse
import math
from typing import NamedTuple


def positive(text: str) -> int:
    """A whole number from 1 up."""
    number = _whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def count(text: str) -> int:
    """A whole number from 0 up."""
    number = _whole(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return number


def seed(text: str) -> int:
    """A seed of random numbers."""
    number = _whole(text)
    if not 0 <= number < 2**31:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {2**31 - 1}")
    return number


def number(text: str) -> float:
    """A finite number that float32 holds."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a number") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    if abs(value) > 1e38:
        raise argparse.ArgumentTypeError(f"{text} is too large: use at most 1e38")
    return value


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number") from None


class Level(NamedTuple):
    """A noise level: as it was written, and its value."""

    text: str
    value: float


def level(text: str) -> Level:
    """A noise level, such as 0.1 or 25/255.

    Raises:
      argparse.ArgumentTypeError: it is none, or not between 0 and 1.
    """
    number, slash, unit = text.partition("/")
    try:
        value = float(number) / (float(unit) if slash else 1.0)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(f"{text} is no level: write it as 0.1 or 25/255") from None
    if not 0 <= value <= 1:
        remedy = f": for {text} of 255 write {text}/255" if not slash and 1 < value <= 255 else ": 1 is white"
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1{remedy}")
    return Level(text, value)
