"""What a grid shows, in numbers and in a sentence one can defend."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from aeden.measures.paired_statistics import Comparison, compare, fewest_pairs
from aeden.runtime.files import Row
from experiments.ablate.grid import Cell, kind
from experiments.ablate.metrics import FIGURES, METRICS, Metric, metric
from experiments.ablate.results import grouped


def check(name: str, cells: Sequence[Cell]) -> None:
    """Refuses a grid whose runs do not end with the figure that its verdict is about.

    Raises:
      ValueError: naming the run.
    """
    metric(name)
    for cell in cells:
        known = [figure for figure in FIGURES[cell.config.task] if figure in METRICS]
        if name not in known:
            raise ValueError(
                f"{cell.kind}: metric {name} is no figure of a {cell.config.task} run: use {', '.join(known)}"
            )
        if cell.config.task == "gan" and not cell.config.gan.samples:
            raise ValueError(f"{cell.kind}: gan.samples=0 leaves nothing to compare generators by")


def comparisons(
    rows: Sequence[Row], contenders: Sequence[str], axes: Sequence[str], reference: str, name: str
) -> dict[str, Comparison]:
    """Each contender beside the reference in every setting, over the seeds that both have finished, corrected for all.

    Returns:
      "contender" or "contender, axis=value" -> what was found; contenders without a shared seed are left out.
    """
    pairs: dict[str, tuple[list[float], list[float]]] = {}
    for setting, here in grouped(rows, axes).items():
        values = {
            contender: {row["seed"]: row[name] for row in here if row["contender"] == contender}
            for contender in contenders
        }
        for contender in contenders:
            shared = sorted(values[contender].keys() & values[reference].keys())
            if contender != reference and shared:
                one, other = ([values[who][seed] for seed in shared] for who in (contender, reference))
                pairs[kind(contender, dict(zip(axes, setting, strict=True)))] = one, other
    return compare(pairs, metric(name).more)


def sentence(found: dict[str, Comparison], reference: str, name: str, margin: float = 0.0) -> str:
    """The verdict in one paragraph."""
    if not found:
        return "Nothing to compare yet: no contender shares a finished seed with the reference."
    told = metric(name)
    better: list[str] = []
    worse: list[str] = []
    same: list[str] = []
    for label, one in found.items():
        if one.verdict() == "no difference shown":
            same.append(spoken(label))
        elif (one.verdict() == "higher") == told.more:
            better.append(f"{spoken(label)} is better ({_evidence(one, told, margin)})")
        else:
            worse.append(f"{spoken(label)} is worse ({_evidence(one, told, margin)})")
    findings = [*better, *worse, *([f"no difference shown for {', '.join(same)}"] if same else [])]
    pairs, needed = sorted({one.pairs for one in found.values()}), fewest_pairs(len(found))
    seeds = f"{pairs[0]} to {pairs[-1]}" if len(pairs) > 1 else f"{pairs[0]}"
    plural = "" if seeds == "1" else "s"
    text = f"By {told.name}, over {seeds} paired seed{plural}, beside {reference}: {'; '.join(findings)}."
    if len(same) == len(found) and pairs[-1] < needed:
        compared = f"{len(found)} comparison{'' if len(found) == 1 else 's'} over {seeds} seed{plural}"
        text += f" {compared} cannot show a difference at the 5 % level, however large: that takes {needed} seeds."
    return text


def _evidence(one: Comparison, told: Metric, margin: float) -> str:
    use = ", of no practical use" if abs(one.mean) <= margin else ""
    return (
        f"{told.difference(one.mean)}, 95 % interval {told.difference(one.low)} to {told.difference(one.high)}, "
        f"corrected p = {one.corrected:.2g}{use}"
    )


def spoken(label: str) -> str:
    """ "k3, noise.level=0.2" as part of a sentence."""
    contender, _, place = label.partition(", ")
    return f"{contender} at {place}" if place else contender


def as_json(found: dict[str, Comparison], reference: str, name: str, margin: float) -> dict[str, Any]:
    """The verdict for other programs."""
    return {
        "metric": name,
        "reference": reference,
        "text": sentence(found, reference, name, margin),
        "comparisons": [
            {
                "contender": label,
                "verdict": one.verdict(),
                # JSON has no infinity: an interval that one pair does not give is null.
                **{n: v if math.isfinite(v) else None for n, v in dataclasses.asdict(one).items()},
            }
            for label, one in found.items()
        ],
        "fewest_seeds": fewest_pairs(len(found)),
    }
