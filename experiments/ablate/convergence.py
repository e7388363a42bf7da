"""Contenders compared at equal steps, equal seconds and equal multiplications, from runs of several lengths.

Each length is a run of its own with a whole schedule, not a checkpoint of a longer run, whose learning rate would still
be high.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from aeden.measures.metric import Metric
from aeden.measures.paired_statistics import Comparison
from aeden.runtime.files import Row
from experiments.ablate import verdict
from experiments.ablate.grid import kind, place

# The fields that change how long a run trains, and nothing else.
LENGTHS = ("epochs", "steps")
# Costs that differ by less than this share are equal: they are products of rounded numbers.
EQUAL = 1e-9
NOT_THAT_SHORT, NOT_THAT_LONG, NO_SEED = "not run that short", "not run that long", "no shared seed"
NOT_DEFINED = "not defined"
# Why a contender that has a value is not compared, by why the reference has none ("" if it has one).
BY_REFERENCE = {"": NO_SEED, **{why: f"reference {why}" for why in (NOT_THAT_SHORT, NOT_THAT_LONG, NOT_DEFINED)}}


@dataclasses.dataclass(frozen=True)
class RunsOfLength:
    """The runs of a contender at one length.

    Attributes:
      setting: value of each axis.
      cost: what one of the runs costs: steps, seconds or multiplications; positive.
      values: the metric by seed, without values that are not finite.
    """

    setting: dict[str, Any]
    cost: float
    values: dict[int, float]


# Contender -> its runs by length, cheapest first.
RunsByLength = dict[str, list[RunsOfLength]]


@dataclasses.dataclass(frozen=True)
class AtCost:
    """A contender compared with the reference at a cost that one of them has at a setting.

    Attributes:
      contender: name of the contender.
      setting: the setting.
      cost: the cost: that of the reference, or that of the contender if it has no value at that of the reference.
      comparison: the comparison over paired seeds; None if there is none.
      reason: why there is none: `NOT_THAT_SHORT`, `NOT_THAT_LONG`, `NOT_DEFINED` or a value of `BY_REFERENCE`; "" if
        there is one.
    """

    contender: str
    setting: dict[str, Any]
    cost: float
    comparison: Comparison | None
    reason: str = ""


def length_axis(settings: Sequence[Mapping[str, Any]]) -> str | None:
    """The axis of a grid that sets how long its runs train, if it has two values or more.

    Args:
      settings: the settings of the grid's runs.
    """
    for name in LENGTHS:
        if len({setting[name] for setting in settings if name in setting}) > 1:
            return name
    return None


def runs_by_length(
    rows: Sequence[Row], axes: Sequence[str], length: str, metric: str, step_costs: Mapping[str, float]
) -> dict[str, RunsByLength]:
    """The metric by cost.

    Args:
      rows: one row per finished run, see `results.row`; those without the metric are left out.
      axes: names of the axes.
      length: the axis that sets the length.
      metric: name of the metric.
      step_costs: "contender, axis=value" -> cost of one training step; contenders at settings without one are left out.

    Returns:
      The other axes in words ("" if there are none) -> contender -> its runs by length.
    """
    lengths: dict[str, dict[str, dict[str, RunsOfLength]]] = {}
    for row in rows:
        setting = {name: row[name] for name in axes}
        label = kind(row["contender"], setting)
        if metric not in row or label not in step_costs:
            continue
        others = place(without(setting, length))
        found = lengths.setdefault(others, {}).setdefault(row["contender"], {})
        runs = found.setdefault(label, RunsOfLength(setting, row["steps"] * step_costs[label], {}))
        if math.isfinite(row[metric]):
            runs.values[row["seed"]] = row[metric]
    return {
        others: {contender: sorted(found.values(), key=lambda runs: runs.cost) for contender, found in members.items()}
        for others, members in lengths.items()
    }


def without(setting: Mapping[str, Any], length: str) -> dict[str, Any]:
    """A setting without the axis that sets the length."""
    return {name: value for name, value in setting.items() if name != length}


def at_cost(lengths: Sequence[RunsOfLength], cost: float) -> tuple[dict[int, float], str]:
    """The values of a contender at a cost.

    Between two lengths of its own, the value under each seed is interpolated linearly in the logarithm of the cost.
    Nothing is extrapolated.

    Args:
      lengths: the contender's runs by length, cheapest first; at least one length.
      cost: positive.

    Returns:
      Seed -> value; and why there is none, or "". A length of which no value is finite has none.
    """
    for runs in lengths:
        if math.isclose(runs.cost, cost, rel_tol=EQUAL):
            return dict(runs.values), "" if runs.values else NOT_DEFINED
    for low, high in itertools.pairwise(lengths):
        if low.cost < cost < high.cost:
            if not low.values or not high.values:
                return {}, NOT_DEFINED
            share = math.log(cost / low.cost) / math.log(high.cost / low.cost)
            seeds = low.values.keys() & high.values.keys()
            return {seed: (1 - share) * low.values[seed] + share * high.values[seed] for seed in seeds}, ""
    return {}, NOT_THAT_SHORT if cost < lengths[0].cost else NOT_THAT_LONG


def comparisons(
    found: Mapping[str, RunsByLength], reference: str, metric: Metric, margin: float = 0.0, tuned: bool = False
) -> list[AtCost]:
    """Compares each contender with the reference at the cost of each length.

    A contender that was not run as short or as long as the reference is compared at its own cost, for which the
    reference is interpolated, so that nothing is extrapolated. The p-values are corrected for all comparisons of one
    call: for one kind of cost.

    Args:
      found: see `runs_by_length`.
      reference: name of the reference.
      metric: what is compared.
      margin: smallest difference that anyone would act on; 0 for the metric's own.
      tuned: whether the contenders were tuned.

    Returns:
      Length by length of the reference, contender by contender.
    """
    pairs: dict[str, tuple[list[float], list[float]]] = {}
    listed: list[tuple[str, AtCost]] = []
    for members in found.values():
        for its, (contender, lengths) in itertools.product(members.get(reference, []), members.items()):
            if contender == reference:
                continue
            label, cost = kind(contender, its.setting), its.cost
            values, reason = at_cost(lengths, cost)
            own = next((one.cost for one in lengths if one.setting == its.setting), None)
            if reason and own is not None:
                cost = own
                values, reason = at_cost(lengths, cost)
            of_reference, lacking = at_cost(members[reference], cost)
            seeds = sorted(values.keys() & of_reference.keys())
            if seeds:
                pairs[label] = [values[seed] for seed in seeds], [of_reference[seed] for seed in seeds]
            listed.append((label, AtCost(contender, its.setting, cost, None, reason or BY_REFERENCE[lacking])))
    compared = verdict.compared(pairs, metric, margin, tuned)
    return [
        dataclasses.replace(one, comparison=compared[label], reason="") if label in compared else one
        for label, one in listed
    ]


def row(kind_of_cost: str, one: AtCost, metric: Metric) -> Row:
    """The row of a comparison in convergence.csv; numbers that are not known are "".

    Args:
      kind_of_cost: what is equal, e.g. "steps".
      one: the comparison.
      metric: what was compared.
    """
    found = one.comparison
    known = dataclasses.asdict(found) if found else {}
    names = {"difference": "mean", **{name: name for name in ("low", "high", "corrected", "corrected_equal")}}
    numbers = {column: known.get(name, math.nan) for column, name in names.items()}
    return {
        "contender": one.contender,
        **one.setting,
        "equal": kind_of_cost,
        "cost": one.cost,
        **{column: x if math.isfinite(x) else "" for column, x in numbers.items()},
        "verdict": verdict.word(found, metric) if found else one.reason,
        "pairs": found.pairs if found else 0,
    }
