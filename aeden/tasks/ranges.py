"""Ranges of values: a number, a word, a text, a flag, or several of them; what is out of them, in words."""

from __future__ import annotations

import dataclasses
import numbers
from typing import Any, Protocol, runtime_checkable


def _shown(number: Any) -> str:
    """A number for a message: whole ones with all their digits."""
    if isinstance(number, int) and abs(number) < 10**15:
        return f"{number:,}"
    return short(number) if isinstance(number, int) else f"{number:g}"


def short(value: Any) -> str:
    """A value for a message, cut if it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


@runtime_checkable
class Range(Protocol):
    """What a field may be."""

    @property
    def words(self) -> str:
        """What to use, as the end of "use ..."."""
        ...

    def problem(self, value: Any) -> str | None:
        """What is wrong with a value, to follow the field's name, e.g. "-1 is out of range"; None if nothing is."""
        ...


@dataclasses.dataclass(frozen=True)
class Number:
    """A finite number from `low` to `high`; without the bounds themselves where `above` or `below` says so."""

    low: int | float
    high: int | float
    whole: bool = False
    above: bool = False
    below: bool = False

    @property
    def words(self) -> str:
        """See `Range`."""
        kind = "a whole number" if self.whole else "a number"
        low = f"above {_shown(self.low)}" if self.above else f"from {_shown(self.low)}"
        return f"{kind} {low} to {'less than ' if self.below else ''}{_shown(self.high)}"

    def problem(self, value: Any) -> str | None:
        """See `Range`."""
        kind = numbers.Integral if self.whole else numbers.Real
        if isinstance(value, bool) or not isinstance(value, kind):
            return f"{short(value)} is no {'whole ' if self.whole else ''}number"
        number: Any = value  # mypy knows of no order of numbers.Real
        low = number > self.low if self.above else number >= self.low
        high = number < self.high if self.below else number <= self.high
        return None if low and high else f"{_shown(value)} is out of range"


@dataclasses.dataclass(frozen=True)
class OrZero:
    """0, which switches something off, or a number of a range."""

    of: Number

    @property
    def words(self) -> str:
        """See `Range`."""
        return f"0, or {self.of.words}"

    def problem(self, value: Any) -> str | None:
        """See `Range`."""
        found = self.of.problem(value)
        return None if found is None or (value == 0 and not isinstance(value, bool)) else found


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of several words."""

    words_allowed: tuple[str, ...]

    @property
    def words(self) -> str:
        """See `Range`."""
        return f"one of {', '.join(name or repr('') for name in self.words_allowed)}"

    def problem(self, value: Any) -> str | None:
        """See `Range`."""
        return None if isinstance(value, str) and value in self.words_allowed else f"{short(value)} is unknown"


@dataclasses.dataclass(frozen=True)
class Text:
    """A name or a path; empty only if `empty` says so."""

    empty: bool = True
    longest: int = 4000

    @property
    def words(self) -> str:
        """See `Range`."""
        return f"{'' if self.empty else 'a '}text of up to {self.longest:,} printable characters"

    def problem(self, value: Any) -> str | None:
        """See `Range`."""
        if not isinstance(value, str):
            return f"{short(value)} is no text"
        if not value:
            return None if self.empty else "is empty"
        if len(value) > self.longest:
            return f"has {len(value):,} characters"
        return None if all(ord(character) >= 32 for character in value) else f"{short(value)} has control characters"


@dataclasses.dataclass(frozen=True)
class Flag:
    """True or False."""

    words = "True or False"

    def problem(self, value: Any) -> str | None:
        """See `Range`."""
        return None if isinstance(value, bool) else f"{short(value)} is neither True nor False"


@dataclasses.dataclass(frozen=True)
class Several:
    """A tuple of `least` to `most` values of one range."""

    of: Range
    least: int = 0
    most: int = 16

    @property
    def words(self) -> str:
        """See `Range`."""
        return f"a tuple of {self.least} to {self.most} values, each {self.of.words}"

    def problem(self, value: Any) -> str | None:
        """See `Range`."""
        if not isinstance(value, tuple | list):
            return f"{short(value)} is no tuple"
        if not self.least <= len(value) <= self.most:
            return f"{short(tuple(value))} has {len(value)} values"
        found = next((problem for item in value if (problem := self.of.problem(item))), None)
        return f"{short(tuple(value))}: {found}" if found else None


def check_value(name: str, value: Any, allowed: Range) -> None:
    """Checks the value of a field.

    Raises:
      ValueError: naming the field, its value and its range.
    """
    problem = allowed.problem(value)
    if problem is None:
        return
    if isinstance(allowed, Choice):
        raise ValueError(f"unknown {name} {short(value)}: use {allowed.words}")
    raise ValueError(f"{name} {problem}: use {allowed.words}")
