"""What all settings say of each contender together: shares of verdicts, and a random-effects summary."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from aeden.measures import random_effects
from aeden.measures.random_effects import Pooled
from experiments.settings.scale import averaged
from experiments.settings.setting import COSTS, Effect, Setting

WORDS = ("better", "equal for practical use", "worse", "no difference shown")
# Fewer trained networks, or data sets, say nothing about others.
FEWEST = 3


@dataclasses.dataclass(frozen=True)
class Networks:
    """The difference of a contender in one kind of trained network, averaged over the settings that it was tested at.

    Attributes:
      mean: in units of the margin, above 0 where the contender is better.
      error: standard error of the mean over seeds, above 0.
      cluster: task and data set.
    """

    mean: float
    error: float
    cluster: str


@dataclasses.dataclass(frozen=True)
class Summary:
    """A contender over all settings that count.

    Attributes:
      counts: verdict -> number of settings; all of `WORDS`.
      networks: the trained networks.
      better_on: the tasks and data sets with a setting at which it is shown to be better.
      costs: see `Effect`; the median over the settings.
    """

    counts: Mapping[str, int]
    networks: Sequence[Networks]
    better_on: frozenset[str]
    costs: Mapping[str, float]

    @property
    def settings(self) -> int:
        """Number of settings."""
        return sum(self.counts.values())

    @functools.cached_property
    def over_networks(self) -> Pooled | None:
        """Random effects over the networks; None for none."""
        return _pool(self.networks, nested=False) if self.networks else None

    @functools.cached_property
    def over_data(self) -> Pooled | None:
        """The same with the networks nested in tasks and data sets; None for fewer than `FEWEST` of these."""
        enough = len({one.cluster for one in self.networks}) >= FEWEST
        return _pool(self.networks, nested=True) if enough else None


def counted(settings: Iterable[Setting], equal_parameters: bool, everything: bool = False) -> list[Setting]:
    """The settings that a summary counts: those of one size of contenders.

    Args:
      settings: all.
      equal_parameters: which size.
      everything: also those that are left out of summaries.
    """
    return [one for one in settings if one.equal_parameters == equal_parameters and (everything or not one.left_out)]


def distinct(settings: Iterable[Setting], contender: str) -> list[tuple[Setting, Effect]]:
    """The settings at which a contender was compared; the same runs in another table do not count again."""
    found: list[tuple[Setting, Effect]] = []
    for setting in settings:
        effect = setting.effects.get(contender)
        again = effect is not None and any(
            (one.data, one.task, other.by_seed, other.comparison.mean)
            == (setting.data, setting.task, effect.by_seed, effect.comparison.mean)
            for one, other in found
        )
        if effect is not None and not again:
            found.append((setting, effect))
    return found


def networks_of(members: Sequence[tuple[Setting, Effect]]) -> list[Networks]:
    """One difference per kind of trained network: tests of the same networks are averaged, seed by seed.

    Settings whose metric has no margin, and single seeds, are left out.
    """
    groups: dict[str, list[tuple[Setting, Effect]]] = {}
    for setting, effect in members:
        if effect.by_seed:
            groups.setdefault(f"{setting.task} {setting.networks}", []).append((setting, effect))
    found = []
    for group in groups.values():
        seeds = sorted(set.intersection(*(set(effect.by_seed) for _, effect in group)))
        values = np.array([np.mean([effect.by_seed[seed] for _, effect in group]) for seed in seeds])
        if len(values) > 1 and np.ptp(values) > 0:
            error = float(values.std(ddof=1) / np.sqrt(len(values)))
            found.append(Networks(float(values.mean()), error, cluster(group[0][0])))
    return found


def cluster(setting: Setting) -> str:
    """Task and data set, e.g. "denoise MNIST"."""
    return f"{setting.task} {setting.data}"


def summarise(settings: Iterable[Setting], contender: str) -> Summary:
    """A contender over some settings, as `counted` gives them. All verdicts count; means are of those `averaged`."""
    settings = list(settings)
    members, enter = distinct(settings, contender), averaged(settings)
    networks = networks_of([one for one in members if one[0] in enter])
    words = Counter(effect.word for _, effect in members)
    costs = {name: [effect.costs[name] for _, effect in members if name in effect.costs] for name in COSTS}
    return Summary(
        {word: words[word] for word in WORDS},
        networks,
        frozenset(cluster(setting) for setting, effect in members if effect.word == "better"),
        {name: float(np.median(values)) for name, values in costs.items() if values},
    )


def _pool(networks: Sequence[Networks], nested: bool) -> Pooled:
    clusters = [one.cluster for one in networks] if nested else None
    return random_effects.pool([one.mean for one in networks], [one.error for one in networks], clusters)
