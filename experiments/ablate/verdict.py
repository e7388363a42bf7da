"""The verdict of a grid: each contender compared with the reference, in numbers and in a sentence."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from aeden.measures import image_quality
from aeden.measures.metric import Metric
from aeden.measures.paired_statistics import Comparison, compare, fewest_pairs
from aeden.runtime.files import Row
from experiments.ablate import metrics
from experiments.ablate.grid import Cell, kind
from experiments.ablate.results import grouped


def check(name: str, cells: Sequence[Cell]) -> None:
    """Refuses a grid whose runs do not end with the metric that its verdict is about.

    Raises:
      ValueError: naming the run.
    """
    for cell in cells:
        try:
            metrics.for_verdict(cell.config.task, name)
            _check_result(name, cell.config)
        except ValueError as error:
            raise ValueError(f"{cell.kind}: {error}") from error


def _check_result(name: str, config: Any) -> None:
    """Refuses an experiment of a task that has the metric, if its own result lacks it."""
    if config.task == "gan" and not config.gan.samples:
        raise ValueError("gan.samples=0 leaves nothing to compare generators by")
    if config.task == "stack" and config.stack.head == "none":
        raise ValueError("stack.head=none leaves nothing to compare classifiers by")
    upsamples = config.model.architecture == "conv" and config.model.factors[0] > 1
    if config.task == "denoise" and name not in image_quality.RESTORATION_METRICS and not upsamples:
        raise ValueError(f"the last layer of its network does not upsample, so it has no {name}")


def comparisons(
    rows: Sequence[Row], contenders: Sequence[str], axes: Sequence[str], reference: str, metric: Metric
) -> dict[str, Comparison]:
    """Compares each contender with the reference at every setting, over the seeds that both have finished.

    Args:
      rows: one row per finished run, see `results.row`.
      contenders: names of the contenders, the reference among them.
      axes: the columns that tell settings apart.
      reference: the contender that the others are compared with.
      metric: what is compared. Rows that lack it are left out.

    Returns:
      "contender" or "contender, axis=value" -> comparison, corrected for all of them together. Contenders without a
      shared seed are left out.
    """
    pairs: dict[str, tuple[list[float], list[float]]] = {}
    for setting, members in grouped(rows, axes).items():
        values: dict[str, dict[int, float]] = {contender: {} for contender in contenders}
        for row in members:
            if metric.name in row:
                values[row["contender"]][row["seed"]] = row[metric.name]
        for contender in contenders:
            shared = sorted(values[contender].keys() & values[reference].keys())
            if contender != reference and shared:
                one, other = ([values[name][seed] for seed in shared] for name in (contender, reference))
                pairs[kind(contender, dict(zip(axes, setting, strict=True)))] = one, other
    return compare(pairs, bool(metric.higher_is_better))


def sentence(found: dict[str, Comparison], reference: str, metric: Metric, margin: float = 0.0) -> str:
    """The verdict in one paragraph.

    Args:
      found: label of a contender -> its comparison with the reference.
      reference: name of the reference.
      metric: what was compared.
      margin: differences up to this are of no practical use, in the unit of the metric.
    """
    if not found:
        return (
            f"Nothing to compare yet: no contender and the reference have finished the same seed with a value of "
            f"{metric.label} (runs made before a metric existed do not have it)."
        )
    better: list[str] = []
    worse: list[str] = []
    same: list[str] = []
    for label, one in found.items():
        if one.verdict() == "no difference shown":
            same.append(spoken(label))
        elif (one.verdict() == "higher") == metric.higher_is_better:
            better.append(f"{spoken(label)} is better ({_evidence(one, metric, margin)})")
        else:
            worse.append(f"{spoken(label)} is worse ({_evidence(one, metric, margin)})")
    findings = [*better, *worse, *([f"no difference shown for {', '.join(same)}"] if same else [])]
    pairs, needed = sorted({one.pairs for one in found.values()}), fewest_pairs(len(found))
    seeds = f"{pairs[0]} to {pairs[-1]}" if len(pairs) > 1 else f"{pairs[0]}"
    plural = "" if seeds == "1" else "s"
    text = f"By {metric.label}, over {seeds} paired seed{plural}, compared with {reference}: {'; '.join(findings)}."
    if len(same) == len(found) and pairs[-1] < needed:
        compared = f"{len(found)} comparison{'' if len(found) == 1 else 's'} over {seeds} seed{plural}"
        text += f" {compared} cannot show a difference at the 5 % level, however large: that takes {needed} seeds."
    return text


def _evidence(one: Comparison, metric: Metric, margin: float) -> str:
    """Difference, interval and p of a comparison."""
    remark = ", of no practical use" if abs(one.mean) <= margin else ""
    return (
        f"{metric.format_difference(one.mean)}, 95 % interval {metric.format_difference(one.low)} to "
        f"{metric.format_difference(one.high)}, corrected p = {one.corrected:.2g}{remark}"
    )


def spoken(label: str) -> str:
    """ "k3, noise.level=0.2" as part of a sentence: "k3 at noise.level=0.2"."""
    contender, _, place = label.partition(", ")
    return f"{contender} at {place}" if place else contender


def as_json(found: dict[str, Comparison], reference: str, metric: Metric, margin: float) -> dict[str, Any]:
    """The verdict for other programs, see `sentence` for the arguments."""
    return {
        "metric": metric.name,
        "reference": reference,
        "text": sentence(found, reference, metric, margin),
        "comparisons": [
            {
                "contender": label,
                "verdict": one.verdict(),
                # JSON has no infinity. An interval that a single pair does not give is null.
                **{name: x if math.isfinite(x) else None for name, x in dataclasses.asdict(one).items()},
            }
            for label, one in found.items()
        ],
        "fewest_seeds": fewest_pairs(len(found)),
    }
