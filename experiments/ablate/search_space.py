"""What a grid's tuning searches: ranges of fields, the points at which they are tried, and how a range is widened."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from aeden.runtime.identity import flatten

# Field -> (lowest, highest) value.
Ranges = Mapping[str, tuple[float, float]]
# Significant digits of a value, so that commands and tables are readable.
DIGITS = 3
# An extension of a range is this share of its length on the logarithmic scale, and takes this share of the trials.
EXTENSION = 1 / 3
# Highest over lowest value of a range at most. A few trials do not search a wider one.
WIDEST = 1e9
SIDES = ("lowest", "highest")
# (field, side): where a range is widened.
Edge = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Point:
    """A point of the search space, the same for every contender.

    Attributes:
      values: value of each field.
      seed: seed of the trial there, counted from the first seed of the tuning.
    """

    values: dict[str, float]
    seed: int


@dataclasses.dataclass(frozen=True)
class Search:
    """The points at which fields are tried.

    Attributes:
      configured: the ranges that the search began with.
      ranges: the ranges that it has covered.
      points: in the order of the trials.
      widened: how often ranges were widened.
    """

    configured: Ranges
    ranges: Ranges
    points: tuple[Point, ...]
    widened: int = 0


def ranges(settings: Any) -> Ranges:
    """The ranges of a grid's tuning; {} for no tuning.

    Raises:
      ValueError: a range is not (lowest, highest) with 0 < lowest < highest.
    """
    fields = flatten(settings.tuning.fields.to_dict())
    for name, ends in fields.items():
        pair = ends if isinstance(ends, tuple | list) and len(ends) == 2 else ()
        numbers = [
            end for end in pair if isinstance(end, int | float) and not isinstance(end, bool) and math.isfinite(end)
        ]
        if len(numbers) != 2 or not 0 < numbers[0] < numbers[1]:
            raise ValueError(
                f"tuning.fields.{name}={ends!r}: a range is (lowest, highest) with 0 < lowest < highest; make values "
                "that are no numbers contenders or an axis"
            )
        if _short(numbers[0]) == _short(numbers[1]):
            raise ValueError(
                f"tuning.fields.{name}={ends!r}: values have {DIGITS} digits, so that all trials would have the same; "
                "widen it"
            )
        if numbers[1] / numbers[0] > WIDEST:
            raise ValueError(
                f"tuning.fields.{name}={ends!r}: a range covers a factor of {WIDEST:.0e} at most; narrow it"
            )
    return {name: (float(low), float(high)) for name, (low, high) in fields.items()}


def integer(value: float, configured: tuple[float, float]) -> int:
    """The value of a field that takes integers: the nearest one, of those in its range.

    Beyond the configured range, where a search was widened, it is the nearest positive one. It does not depend on how
    far the search was widened, so that a trial stays the same.

    Args:
      value: a value of the search.
      configured: (lowest, highest) that the search began with; it has an integer, see `check_integer`.
    """
    # A value may lie outside by the digits that it lacks.
    low, high = (_short(end) for end in configured)
    if low <= value <= high:
        return min(max(round(value), math.ceil(configured[0])), math.floor(configured[1]))
    return max(round(value), 1)


def check_integer(name: str, configured: tuple[float, float]) -> None:
    """Refuses a range without an integer for a field that takes integers.

    Raises:
      ValueError: naming the field and its range.
    """
    low, high = configured
    if math.ceil(low) > math.floor(high):
        raise ValueError(
            f"tuning.fields.{name}=({low:g}, {high:g}): the field takes integers, and there is none in this range; "
            "widen it"
        )


def first_search(configured: Ranges, trials: int) -> Search:
    """The search of some ranges by a number of trials.

    The points are a Halton sequence (Halton 1960) on logarithmic scales, without scrambling, so that they are the same
    in every version of SciPy, and without its first point, which is the corner of the lowest values. A longer search
    begins with the points of a shorter one.
    """
    points = [
        Point({name: _between(ends, place) for (name, ends), place in zip(configured.items(), row, strict=True)}, i)
        for i, row in enumerate(_halton(trials, len(configured)))
    ]
    return Search(configured, configured, tuple(points))


def widen(search: Search, edges: Collection[Edge], trials: int) -> Search:
    """Continues a search beyond ends of its ranges.

    Each range grows at each of the ends by a third of its configured length on the logarithmic scale, with a third of
    the trials there (rounded up, two at least). The first of them is at the old end, since the values tried so far may
    lie far inside. The other fields of these trials are anywhere in their ranges. The seeds are those of the first
    trials. The points do not depend on how many were tried before, so that more trials keep those that exist.

    Args:
      search: the search so far.
      edges: the ends, (field, "lowest" or "highest").
      trials: number of trials of the search before it was widened.
    """
    grown = dict(search.ranges)
    points = list(search.points)
    for name, side in edges:
        low, high = search.ranges[name]
        factor = (search.configured[name][1] / search.configured[name][0]) ** EXTENSION
        # From the old end outwards.
        added = (low, low / factor) if side == SIDES[0] else (high, high * factor)
        grown[name] = min(grown[name][0], *added), max(grown[name][1], *added)
        boxes = {**search.ranges, name: added}
        rows, own = _halton(max(2, math.ceil(trials * EXTENSION)), len(boxes)), list(boxes).index(name)
        for i, row in enumerate(rows):
            places = [*row[:own], 1 - rows[i - 1][own] if i else 0.0, *row[own + 1 :]]
            values = {field: _between(ends, place) for (field, ends), place in zip(boxes.items(), places, strict=True)}
            points.append(Point(values, i))
    return Search(search.configured, grown, tuple(points), search.widened + 1)


def edges(points: Sequence[Mapping[str, float]], best: Mapping[str, float]) -> dict[str, str]:
    """The fields of the best point that have the lowest or the highest of all values tried: field -> side."""
    found = {}
    for name, value in best.items():
        tried = {point[name] for point in points}
        if len(tried) > 1 and value in (min(tried), max(tried)):
            found[name] = SIDES[value == max(tried)]
    return found


def _halton(count: int, dimensions: int) -> list[list[float]]:
    """The points 1 to `count` of the Halton sequence, in (0, 1)."""
    from scipy.stats import qmc

    sequence = qmc.Halton(dimensions, scramble=False)
    sequence.fast_forward(1)
    return sequence.random(count).tolist()


def _between(ends: tuple[float, float], place: float) -> float:
    """The value at a place in [0, 1] between two ends, on a logarithmic scale, in few digits."""
    first, last = ends
    return _short(first * (last / first) ** place)


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
