"""The metric of a grid's runs by seed: pairs with the reference, and what is left out because it is not finite."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from aeden.measures.metric import Metric
from aeden.runtime.files import Row
from experiments.ablate.grid import kind
from experiments.ablate.results import grouped

# Setting -> contender -> its label at this setting, and its values by seed.
Values = dict[tuple[Any, ...], dict[str, tuple[str, dict[int, float]]]]


@dataclasses.dataclass(frozen=True)
class Gaps:
    """Finished runs whose value of the metric is NaN or infinite, e.g. those of a network with such outputs.

    Attributes:
      undefined: label of a contender -> number of such runs, and of all of its runs that have the metric; without the
        contenders that have no such run.
      not_compared: labels of the contenders that for this reason share no seed with the reference.
    """

    undefined: Mapping[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    not_compared: Sequence[str] = ()

    def sentences(self, metric: Metric) -> list[str]:
        """What was left out in words; no sentence if nothing was."""
        if not self.undefined:
            return []
        counts = ", ".join(
            f"{count} of {runs} runs of {spoken(name)}" for name, (count, runs) in self.undefined.items()
        )
        text = f"{metric.label} is not defined (NaN or infinite) in {counts}: their seeds are left out of the pairs"
        if any(count < runs for count, runs in self.undefined.values()):
            text += ", so do not take a contender for better that lacks some"
        none = ", ".join(map(spoken, self.not_compared))
        return [f"{text}.", *([f"Not compared, because no pair is left: {none}."] if none else [])]


def spoken(label: str) -> str:
    """ "k3, noise.level=0.2" as part of a sentence: "k3 at noise.level=0.2"."""
    contender, _, place = label.partition(", ")
    return f"{contender} at {place}" if place else contender


def by_seed(rows: Sequence[Row], contenders: Sequence[str], axes: Sequence[str], metric: Metric) -> Values:
    """The values of a metric, also those that are not finite; rows that lack it are left out."""
    values: Values = {}
    for setting, members in grouped(rows, axes).items():
        place = dict(zip(axes, setting, strict=True))
        values[setting] = {contender: (kind(contender, place), {}) for contender in contenders}
        for row in members:
            if metric.name in row:
                values[setting][row["contender"]][1][row["seed"]] = row[metric.name]
    return values


def finite(values: Mapping[int, float]) -> dict[int, float]:
    """Seed -> value, of those that are finite."""
    return {seed: value for seed, value in values.items() if math.isfinite(value)}


def paired(values: Values, reference: str) -> dict[str, tuple[list[float], list[float]]]:
    """Label of a contender -> its values and those of the reference, for the seeds under which both are finite."""
    pairs = {}
    for members in values.values():
        other = finite(members[reference][1])
        for contender, (label, own) in members.items():
            one = finite(own)
            shared = sorted(one.keys() & other.keys())
            if contender != reference and shared:
                pairs[label] = [one[seed] for seed in shared], [other[seed] for seed in shared]
    return pairs


def gaps(rows: Sequence[Row], contenders: Sequence[str], axes: Sequence[str], reference: str, metric: Metric) -> Gaps:
    """What `paired` leaves out because it is not finite, with the same arguments as `verdict.comparisons`."""
    values = by_seed(rows, contenders, axes, metric)
    counts = {
        label: (len(own) - len(finite(own)), len(own)) for members in values.values() for label, own in members.values()
    }
    pairs = paired(values, reference)
    not_compared = [
        label
        for members in values.values()
        for contender, (label, own) in members.items()
        if contender != reference and own.keys() & members[reference][1].keys() and label not in pairs
    ]
    return Gaps({label: count for label, count in counts.items() if count[0]}, not_compared)
