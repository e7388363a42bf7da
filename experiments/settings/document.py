"""The parts of a page that the command writes, as Markdown, and where they go."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from aeden.measures.metric import Metric
from aeden.measures.paired_statistics import Comparison
from aeden.measures.random_effects import Pooled
from aeden.runtime.identity import flatten
from aeden.tasks.from_config import check_choice
from experiments.ablate.seed_values import spoken
from experiments.settings.advice import Advice
from experiments.settings.scale import Scale, averaged, scale_of
from experiments.settings.setting import COSTS, TASK_NAMES, Setting
from experiments.settings.summary import FEWEST, WORDS, Summary, counted, summarise

SHORT = {"equal for practical use": "equal", "no difference shown": "not shown"}


def insert(text: str, parts: Mapping[str, str]) -> str:
    """A page with each part between its markers, `<!-- begin NAME -->` and `<!-- end NAME -->`.

    Args:
      text: the page.
      parts: name -> Markdown. Those without a marker are left out.

    Raises:
      ValueError: the page has no marker, or one without the other, or twice, or one of an unknown name.
    """
    marked = re.findall(r"<!-- (?:begin|end) (\S+) -->", text)
    if not marked:
        names = ", ".join(parts)
        raise ValueError(f"the page has no marker: put <!-- begin NAME --> and <!-- end NAME --> around {names}")
    for name in dict.fromkeys(marked):
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        if name not in parts:
            raise ValueError(f"the page has the marker {begin}, and there is no such part: use {', '.join(parts)}")
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
            raise ValueError(f"the page needs one line {begin} and after it one line {end}: the text goes between them")
        before, after = text.index(begin) + len(begin), text.index(end)
        text = f"{text[:before]}\n\n{parts[name].strip()}\n\n{text[after:]}"
    return text


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    # A bar would begin another cell.
    lines = [[cell.replace("|", r"\|") for cell in line] for line in (heads, ["---"] * len(heads), *rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def difference(found: Comparison, metric: Metric) -> str:
    """A difference with its interval, without its unit, e.g. "+0.31 [+0.20, +0.42]"."""
    mean, low, high = (f"{value:+.{metric.digits}f}" for value in (found.mean, found.low, found.high))
    return f"{mean} [{low}, {high}]"


def link(words: str, target: str, folder: Path, root: Path) -> str:
    """A link from a page in `folder` to a file, with or without a heading, from the root of the repository."""
    return f"[{words}]({relative(target, folder, root)})" if target else words


def relative(target: str, folder: Path, root: Path) -> str:
    """The address of a file, given from the root of the repository, in a page that lies in `folder`."""
    path, mark, heading = target.partition("#")
    return Path(os.path.relpath(root / path, folder)).as_posix() + mark + heading


def names_table(config: Any) -> str:
    """The contenders in plain words, and the options that make them; those without options are not built by any."""
    rows = [
        [
            f"`{name}`",
            words,
            f"`{' '.join(f'--config.{field}={value}' for field, value in options.items())}`" if options else "",
        ]
        for name, words in config.contenders.items()
        for options in [flatten(config.options.get(name, ConfigDict()).to_dict())]
    ]
    if not config.options:
        return table(["name", "decoder"], [row[:2] for row in rows])
    return table(["name", "decoder", "options of `experiments.main`"], rows)


def advice_table(answers: Sequence[Advice], config: Any) -> str:
    """If you do this, take that; "" if nothing is asked."""
    if not answers:
        return ""
    rows = []
    for one in answers:
        words = config.contenders[one.take]
        rows.append(
            [one.situation, f"**{words}** (`{one.take}`)", _evidence(one, config.reference), one.strength, one.untested]
        )
    heads = ["if you do this", "take", "what was measured", "evidence that it is better", "what was not tested"]
    return table(heads, rows)


def _evidence(one: Advice, reference: str) -> str:
    """What was measured, in a sentence."""
    count = len(one.settings)
    seeds = sorted({effect.comparison.pairs for setting in one.settings for effect in setting.effects.values()})
    where = f"{count} setting{'s' if count > 1 else ''}, {_data(one.settings)}, {_range(seeds)} seeds"
    tuned = "tuned" if all(setting.tuned for setting in one.settings) else "not tuned"
    worse = "".join(f"; `{name}` worse in {number}" for name, number in one.worse.items())
    if one.chosen is None:
        return f"none shown to be better than `{reference}`{worse} ({where}, {tuned})"
    scale = scale_of(one.settings)
    counts = f"{one.chosen.counts['better']} of {one.chosen.settings}"
    better = ", ".join(filter(None, [f"better than `{reference}` in {counts}", _size(one.chosen, scale)]))
    costs = f"; {costs}" if (costs := ", ".join(_costs(one.chosen))) else ""
    others = ", ".join(
        f"`{name}` ({', '.join(filter(None, [_size(other, scale), *_costs(other)]))})"
        for name, other in one.as_often.items()
    )
    return f"{better}{worse} ({where}, {tuned}){costs}" + (f". Better as often: {others}" if others else "")


def _size(summary: Summary, scale: Scale) -> str:
    """The mean difference with its unit; "" for none."""
    pooled = summary.over_networks
    return f"{scale.number(pooled.mean)} {scale}" if pooled else ""


def _costs(summary: Summary) -> list[str]:
    return [f"{value:.1f} times the {COSTS[name]}" for name, value in summary.costs.items()]


def _data(settings: Sequence[Setting]) -> str:
    return " and ".join(dict.fromkeys(setting.data for setting in settings))


def _range(numbers: Sequence[int]) -> str:
    return f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def summary_table(settings: Sequence[Setting], config: Any, equal_parameters: bool) -> str:
    """Each contender over all settings that count: verdicts, means and intervals; "" if there is no such setting."""
    members = counted(settings, equal_parameters)
    everything = counted(settings, equal_parameters, everything=True)
    scale = scale_of(members)
    rows = []
    for name in config.contenders:
        summary, whole = summarise(members, name), summarise(everything, name)
        if name != config.reference and whole.settings:
            rows.append(_summary_row(name, summary, whole, scale))
    if not rows:
        return ""
    clusters = list(dict.fromkeys(f"{TASK_NAMES.get(one.task, one.task)} {one.data}" for one in averaged(members)))
    heads = [
        "",
        "parameters",
        "settings",
        *(SHORT.get(word, word) for word in WORDS),
        "networks",
        f"mean, {scale}, and its 95 % interval",
        "95 % prediction for another network",
        "95 % prediction for another data set or task",
        "with the settings left out: networks, mean",
    ]
    return table(heads, rows) + _cluster_note(clusters) + _unit_note(members)


def _summary_row(name: str, summary: Summary, whole: Summary, scale: Scale) -> list[str]:
    costs = f"x {whole.costs['parameters']:.1f}" if "parameters" in whole.costs else ""
    counts = [str(summary.counts[word]) for word in WORDS] if summary.settings else [""] * len(WORDS)
    networks, nested, all_of = summary.over_networks, summary.over_data, whole.over_networks
    return [
        f"`{name}`",
        costs,
        str(summary.settings),
        *counts,
        str(len(summary.networks)),
        _mean(networks, scale),
        _predicted(networks, scale),
        _predicted(nested, scale),
        f"{len(whole.networks)}, {_mean(all_of, scale)}" if len(whole.networks) > len(summary.networks) else "",
    ]


def _mean(pooled: Pooled | None, scale: Scale) -> str:
    """Mean and interval; the interval only if there are enough groups for one that says something."""
    if pooled is None:
        return ""
    mean = scale.number(pooled.mean)
    return f"{mean} {scale.interval(pooled.low, pooled.high)}" if pooled.groups >= FEWEST else mean


def _predicted(pooled: Pooled | None, scale: Scale) -> str:
    if pooled is None or pooled.groups < FEWEST:
        return ""
    return scale.interval(pooled.predicted_low, pooled.predicted_high)


def _cluster_note(clusters: Sequence[str]) -> str:
    """Why there is no prediction for another data set, if there is none."""
    if len(clusters) >= FEWEST or not clusters:
        return ""
    return (
        f"\nNo prediction for another data set or task: that takes {FEWEST}, and these are {' and '.join(clusters)}.\n"
    )


def _unit_note(members: Sequence[Setting]) -> str:
    """Which settings count in the verdicts only, as their differences are in another unit than most."""
    enter = averaged(members)
    counts = Counter(one.metric.label for one in members if one not in enter)
    if not counts:
        return ""
    settings = " and ".join(f"{count} setting{'' if count == 1 else 's'} by {name}" for name, count in counts.items())
    metric = f", which is over those by {enter[0].metric.label}" if enter else ""
    return f"\nOf {settings} only the verdict counts, not the mean{metric}.\n"


def in_short(settings: Sequence[Setting], config: Any) -> str:
    """How often the contenders of `config.headline`, or all if it is empty, are better and worse, as a list."""
    members = counted(settings, equal_parameters=False)
    lines = []
    for name in config.headline or [name for name in config.contenders if name != config.reference]:
        check_choice("headline", name, config.contenders)
        one = summarise(members, name)
        if not one.settings:
            continue
        places = f"{one.settings} setting{'' if one.settings == 1 else 's'}"
        counts = f"better in {one.counts['better']} of {places}, worse in {one.counts['worse']}"
        scale, pooled = scale_of(members), one.over_networks
        size = f"; {_mean(pooled, scale)} {scale}" if pooled else ""
        networks = len(one.networks)
        over = f" over {networks} kind{'' if networks == 1 else 's'} of networks" if pooled else ""
        lines.append(f"- {config.contenders[name]} (`{name}`): {counts}{size}{over}\n")
    clusters = dict.fromkeys(f"{TASK_NAMES.get(one.task, one.task)} {one.data}" for one in members)
    places = f"{len(members)} setting{'' if len(members) == 1 else 's'} ({', '.join(clusters)})"
    begin = f"Compared with `{config.reference}`, of {places}:\n\n"
    return begin + "".join(lines)


def settings_table(settings: Sequence[Setting], folder: Path, root: Path) -> str:
    """Every setting with its source and its verdicts."""
    rows = []
    for one in settings:
        pairs = sorted({effect.comparison.pairs for effect in one.effects.values()})
        found = [
            ", ".join(f"`{name}`" for name, effect in one.effects.items() if effect.word == word) for word in WORDS
        ]
        rows.append(
            [
                link(one.words, one.report, folder, root),
                one.section,
                link(Path(one.table).name, one.table, folder, root),
                one.metric.label,
                _range(pairs) if pairs else "0",
                *found,
            ]
        )
    heads = ["setting", "protocol", "table", "metric", "seeds", *(SHORT.get(word, word) for word in WORDS)]
    notes = [f"{spoken(one.name)}: {note}" for one in settings for note in one.notes]
    return table(heads, rows) + "".join(f"\n{note}\n" for note in notes)
