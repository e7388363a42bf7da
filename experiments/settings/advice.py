"""If you do this, take that: what the settings of a question say, by fixed rules."""

from __future__ import annotations

import dataclasses
import fnmatch
import math
from collections.abc import Mapping, Sequence
from typing import Any

from aeden.tasks.from_config import check_choice
from experiments.settings.setting import COSTS, Setting
from experiments.settings.summary import FEWEST, Summary, summarise


@dataclasses.dataclass(frozen=True)
class Advice:
    """The answer to a question.

    Attributes:
      situation: what the reader does.
      take: contender with the best evidence; the reference if none is shown to be better.
      chosen: its summary over the settings of the question; None for the reference.
      as_often: others that could be taken, are better in the same share of settings, and ahead on average -> summary.
      settings: these settings.
      worse: contender -> number of settings at which it is shown to be worse.
      strength: "strong", "moderate", "weak" or "none", see `strength`.
      untested: what of the situation has not been measured.
    """

    situation: str
    take: str
    chosen: Summary | None
    as_often: Mapping[str, Summary]
    settings: Sequence[Setting]
    worse: Mapping[str, int]
    strength: str
    untested: str


def answer(question: Any, settings: Sequence[Setting], contenders: Sequence[str], reference: str) -> Advice:
    """The advice on one question.

    A contender can be recommended if it was compared in at least half of the settings, is shown to be better in one or
    more and worse in none, and costs no more than the question allows. Of these, the one that is better in the largest
    share of its settings is taken, then the one with the largest mean.

    Args:
      question: see configs/settings/base.py.
      settings: all settings.
      contenders: their names.
      reference: the contender that the others are compared with.

    Raises:
      ValueError: no setting has such a name, or `most` names no cost.
    """
    chosen = [one for one in settings if any(fnmatch.fnmatchcase(one.name, name) for name in question.settings)]
    if not chosen:
        names = ", ".join(one.name for one in settings)
        raise ValueError(f"no setting is named {' or '.join(question.settings)}: there are {names}")
    found = {name: summarise(chosen, name) for name in contenders if name != reference}
    most = question.most.to_dict()
    for name in most:
        check_choice("most", name, COSTS)
    able = [name for name, one in found.items() if _can_be_taken(one, len(chosen), most)]
    take = max(able, key=lambda name: _rank(found[name]), default=reference)
    worse = {name: one.counts["worse"] for name, one in found.items() if one.counts["worse"]}
    summary = found.get(take)
    rivals = {name: found[name] for name in able if name != take}
    as_often = {name: one for name, one in rivals.items() if summary and _ties(one, summary)}
    return Advice(
        question.situation, take, summary, as_often, chosen, worse, strength(summary, chosen), question.untested
    )


def _can_be_taken(one: Summary, settings: int, most: Mapping[str, float]) -> bool:
    cheap = all(one.costs.get(name, math.inf) <= limit + 1e-3 for name, limit in most.items())
    return cheap and 2 * one.settings >= settings and one.counts["better"] > 0 and not one.counts["worse"]


def _rank(one: Summary) -> tuple[float, float]:
    return _share(one), _mean(one)


def _ties(one: Summary, best: Summary) -> bool:
    """Whether a contender is better as often as the best one, and ahead of the reference over all settings."""
    return _share(one) == _share(best) and _mean(one) >= 0


def _mean(one: Summary) -> float:
    return one.over_networks.mean if one.over_networks else 0.0


def _share(one: Summary) -> float:
    """In how many of its settings a contender is shown to be better; 1 for all."""
    return one.counts["better"] / one.settings


def strength(summary: Summary | None, settings: Sequence[Setting]) -> str:
    """How strong the evidence for a recommendation is.

    "strong": shown to be better in two thirds of the settings or more and on three data sets or tasks or more, tuned,
    and the prediction interval for another one is above 0. "moderate": shown in half of the settings or more and on two
    data sets or tasks or more, tuned. "weak": any other evidence. "none": nothing is shown to be better.

    Args:
      summary: of the contender that is recommended; None for the reference.
      settings: of the question.
    """
    if summary is None:
        return "none"
    share, data = _share(summary), len(summary.better_on)
    tuned = all(one.tuned and not one.left_out for one in settings)
    nested = summary.over_data
    if tuned and share >= 2 / 3 and data >= FEWEST and nested is not None and nested.predicted_low > 0:
        return "strong"
    return "moderate" if tuned and share >= 0.5 and data >= 2 else "weak"
