"""One comparison with the results of all its sittings: times, ratios with intervals, reasons of absence."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.benchmark.intervals import Interval, Sitting, number, ratio_interval
from experiments.benchmark.libraries import library

Record = dict[str, Any]
AEDEN = "aeden"


# With fewer rounds in a sitting, an interval of their median says too little for a claim.
FEWEST_ROUNDS = 5


class Measured:
    """A comparison.

    Args:
      results: its results, one or several per sitting; all have the same settings.
      sittings: of the result file.
    """

    def __init__(self, results: Sequence[Record], sittings: Sequence[Record]):
        self._results = results
        self._sittings = {sitting["sitting"]: sitting for sitting in sittings}

    @property
    def settings(self) -> Record:
        """What was compared."""
        return self._results[0]["settings"]

    @property
    def multiplications(self) -> int:
        """Multiplications of the network per image, forward, as counted by the last sitting."""
        return self._results[-1]["multiplications"]

    @property
    def names(self) -> list[str]:
        """The peers, in the order of the results."""
        return list(dict.fromkeys(peer["name"] for result in self._results for peer in result["contenders"]))

    def field(self, name: str, key: str) -> Any:
        """A field of a peer's description, of the last sitting that has it; "" if there is none."""
        records = [self._peer(result, name) for result in self._results]
        return next((record[key] for record in reversed(records) if record is not None and key in record), "")

    def absent(self, name: str) -> str:
        """Why a peer has no time in any sitting; "" if it has one."""
        if self.seconds(name) is not None:
            return ""
        return f"absent: {str(self.field(name, 'absent') or 'not measured').removeprefix('Absent: ')}"

    def seconds(self, name: str, key: str = "median_seconds") -> float | None:
        """Seconds per step of a peer: the geometric mean of the medians of the sittings. None if it has none."""
        return self.mean([(1.0, result, name) for result in self._results], key)

    def share_of_limit(self, name: str, gflop: float) -> str:
        """Share of a measured time that a number of operations would take at the rate of matrix products; or ""."""
        precision = self.settings.get("precision", "float32")
        parts = []
        for result in self._results:
            sitting = self._sittings[result["sitting"]]
            others = sitting.get("gflops_by_precision") or {}
            rate = sitting.get("gflops") if precision == "float32" else others.get(precision)
            if rate:
                parts.append((rate / gflop, result, name))
        slowness = self.mean(parts)
        return "" if slowness is None else f"{1 / slowness:.0%}"

    def mean(self, parts: Sequence[tuple[float, Record, str]], key: str = "median_seconds") -> float | None:
        """Geometric mean of factor times a peer's seconds, over the results in which the peer has a time."""
        found = [(factor, self._peer(result, name)) for factor, result, name in parts]
        values = [factor * peer[key] for factor, peer in found if peer is not None and key in peer]
        return statistics.geometric_mean(values) if values else None

    def ratio(self, name: str) -> Interval | None:
        """A peer's time divided by aeden's; None if no sitting has both."""
        return self.best_ratio([name]) if name != AEDEN else None

    def best_ratio(self, names: Sequence[str] | None = None) -> Interval | None:
        """The time of the fastest of some peers divided by aeden's; None if no sitting has both.

        Sittings with fewer of these peers than another one do not count: without its fastest peer a sitting would
        flatter aeden.

        Args:
          names: the peers; by default those of Keras and PyTorch.
        """
        chosen = [name for name in self.names if library(name)] if names is None else names
        sittings = [pair for result in self._results if (pair := self._sitting(result, chosen)) is not None]
        most = max((len(peers) for peers, _ in sittings), default=0)
        complete = [(peers, ours) for peers, ours in sittings if len(peers) == most]
        return ratio_interval(complete) if complete else None

    def fastest(self) -> str:
        """The peer of Keras and PyTorch with the lowest ratio to aeden; "" if none has one."""
        ratios = {name: ratio.estimate for name in self.names if library(name) and (ratio := self.ratio(name))}
        return min(ratios, key=lambda name: ratios[name], default="")

    def label(self, name: str) -> str:
        """A peer's name for tables, with the number of its sittings if it is not in all."""
        count = len({result["sitting"] for result in self._results if self._rounds(result, name)})
        total = len({result["sitting"] for result in self._results})
        return f"{name} ({count} of {total} sittings)" if 0 < count < total else name

    def claim(self, what: str = "the best of Keras and PyTorch") -> str:
        """What the interval of `best_ratio` allows to say, in one sentence."""
        interval = self.best_ratio()
        if interval is None:
            return f"There is no comparison of aeden with {what}."
        text = f"Time of {what} divided by aeden's: {interval}; the fastest is {self.fastest()}."
        rounds = min(len(self._rounds(result, AEDEN)) for result in self._results if self._rounds(result, AEDEN))
        if rounds < FEWEST_ROUNDS:
            return f"{text} {rounds} round{'s' * (rounds > 1)} cannot tell which is faster."
        count = len({result["sitting"] for result in self._results if self._rounds(result, AEDEN)})
        where = "In this one sitting" if count == 1 else f"Over {count} sittings"
        if interval.low > 1:
            return f"{text} {where}, aeden is at least {number(interval.low, math.floor)} times as fast."
        if interval.high < 1:
            least = number(1 / interval.high, math.floor)
            return f"{text} {where}, aeden is slower: that one is at least {least} times as fast."
        return f"{text} {where}, neither is faster beyond the noise of this measurement."

    def _sitting(self, result: Record, names: Sequence[str]) -> Sitting | None:
        """The seconds of some peers and of aeden in one sitting; None if either is missing."""
        ours = self._rounds(result, AEDEN)
        peers = [seconds for name in names if (seconds := self._rounds(result, name))]
        if not ours or not peers:
            return None
        # Races give every peer as many rounds as the others.
        count = min(len(ours), *(len(seconds) for seconds in peers))
        return np.array([seconds[:count] for seconds in peers]), np.array(ours[:count])

    def _rounds(self, result: Record, name: str) -> list[float]:
        peer = self._peer(result, name)
        return list(peer.get("seconds_a_step", [])) if peer is not None else []

    @staticmethod
    def _peer(result: Record, name: str) -> Record | None:
        return next((peer for peer in result["contenders"] if peer["name"] == name), None)


def group(results: Sequence[Record], sittings: Sequence[Record]) -> list[Measured]:
    """Groups the results of a section by their settings, in the order in which these appear first."""
    groups: dict[str, list[Record]] = {}
    for result in results:
        groups.setdefault(json.dumps(result["settings"], sort_keys=True), []).append(result)
    return [Measured(same, sittings) for same in groups.values()]


def milliseconds(seconds: float, unit: str = " ms") -> str:
    """Three significant digits."""
    return f"{1000 * seconds:.3g}{unit}" if seconds < 1 else f"{1000 * seconds:.0f}{unit}"


def or_empty(value: object) -> str:
    """A value as text; "" for None."""
    return "" if value is None else str(value)
