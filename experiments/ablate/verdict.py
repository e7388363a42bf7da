"""What a grid shows, in numbers and in a sentence one can defend."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from aeden.measures.paired_statistics import Comparison, compare, fewest_pairs
from experiments.ablate.grid import Cell, kind
from experiments.ablate.results import FIGURES, Row, grouped


@dataclasses.dataclass(frozen=True)
class Metric:
    """How a figure is told.

    Attributes:
      name: in words.
      unit: of a difference, "" for none.
      more: whether more of it is better.
      places: digits after the point.
    """

    name: str
    unit: str
    more: bool
    places: int

    @property
    def label(self) -> str:
        """Name and unit, for an axis."""
        return f"{self.name}, {self.unit}" if self.unit else self.name

    def difference(self, value: float) -> str:
        """A difference with its sign and unit."""
        return f"{value:+.{self.places}f}{f' {self.unit}' if self.unit else ''}"


METRICS = {
    "psnr": Metric("PSNR", "dB", True, 2), "ssim": Metric("SSIM", "", True, 4), "bce": Metric("BCE", "nats", False, 4),
    "mse": Metric("MSE", "", False, 5), "accuracy": Metric("accuracy", "", True, 4),
    "cross_entropy": Metric("cross-entropy", "nats", False, 4), "kid": Metric("KID", "", False, 4),
    "fid": Metric("FID", "", False, 3), "coverage": Metric("coverage", "", True, 3),
    "harmonic_energy": Metric("checkerboard energy", "", False, 5),
}  # fmt: skip


def metric(name: str) -> Metric:
    """How a metric is told.

    Raises:
      ValueError: a verdict cannot be about it.
    """
    if name not in METRICS:
        raise ValueError(f"metric {name!r} is none that a verdict is about: use one of {', '.join(METRICS)}")
    return METRICS[name]


def check(name: str, cells: Sequence[Cell]) -> None:
    """Refuses a grid whose runs do not end with the figure that its verdict is about.

    Raises:
      ValueError: naming the run.
    """
    metric(name)
    for cell in cells:
        known = [figure for figure in FIGURES[cell.config.task] if figure in METRICS]
        if name not in known:
            raise ValueError(f"{cell.kind}: metric {name} is no figure of a {cell.config.task} run: use "
                             f"{', '.join(known)}")  # fmt: skip
        if cell.config.task == "gan" and not cell.config.gan.samples:
            raise ValueError(f"{cell.kind}: gan.samples=0 leaves nothing to compare generators by")


def comparisons(rows: Sequence[Row], contenders: Sequence[str], axes: Sequence[str], reference: str,
                name: str) -> dict[str, Comparison]:  # fmt: skip
    """Each contender beside the reference in every setting, over the seeds that both have finished, corrected for all.

    Returns:
      "contender" or "contender, axis=value" -> what was found; contenders without a shared seed are left out.
    """
    pairs: dict[str, tuple[list[float], list[float]]] = {}
    for setting, here in grouped(rows, axes).items():
        values = {contender: {row["seed"]: row[name] for row in here if row["contender"] == contender}
                  for contender in contenders}  # fmt: skip
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
    return (f"{told.difference(one.mean)}, 95 % interval {told.difference(one.low)} to {told.difference(one.high)}, "
            f"corrected p = {one.corrected:.2g}{use}")  # fmt: skip


def spoken(label: str) -> str:
    """ "k3, noise.level=0.2" as part of a sentence."""
    contender, _, place = label.partition(", ")
    return f"{contender} at {place}" if place else contender


def as_json(found: dict[str, Comparison], reference: str, name: str, margin: float) -> dict[str, Any]:
    """The verdict for other programs."""
    return {
        "metric": name, "reference": reference, "text": sentence(found, reference, name, margin),
        "comparisons": [
            {"contender": label, "verdict": one.verdict(),
             # JSON has no infinity: an interval that one pair does not give is null.
             **{n: v if math.isfinite(v) else None for n, v in dataclasses.asdict(one).items()}}
            for label, one in found.items()
        ],
        "fewest_seeds": fewest_pairs(len(found)),
    }  # fmt: skip
