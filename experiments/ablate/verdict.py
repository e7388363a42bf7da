"""The verdict of a grid: each contender compared with the reference, in numbers and in a sentence."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from aeden.measures import image_quality
from aeden.measures.equivariance import SHIFT_EQUIVARIANCE
from aeden.measures.holes import PSNR_INSIDE, PSNR_OUTSIDE
from aeden.measures.metric import Metric
from aeden.measures.paired_statistics import Comparison, compare, fewest_pairs
from aeden.measures.seed_spread import Spread, SpreadComparison, compare_spreads, spread
from aeden.nn.decoders import DECODERS
from aeden.runtime.files import Row
from aeden.tasks.denoise.decoder_artifacts import RESPONSE_METRICS
from aeden.transforms.noise import HOLES
from experiments.ablate import metrics
from experiments.ablate.grid import Cell
from experiments.ablate.seed_values import Gaps, by_seed, finite, paired, spoken

NO_GAPS = Gaps()
# In a grid that tunes, a difference counts if it is shown to be larger than this share of the margin: two tunings of
# the same contender may differ by as much (docs/method.md, "Does the protocol tell the truth?").
TUNING_SHARE = 0.5


@dataclasses.dataclass(frozen=True)
class SeedSpread:
    """The spread of a contender over seeds at one setting.

    Attributes:
      spread: standard deviation over all finished seeds with a finite value, with its 95 % interval.
      compared: the spread compared with that of the reference, over the seeds that both have finished with a finite
        value; None for the reference, and without such a seed.
    """

    spread: Spread
    compared: SpreadComparison | None


def check(name: str, cells: Sequence[Cell], margin: float = 0.0) -> None:
    """Refuses a grid whose runs do not end with the metric that its verdict is about, or whose margin is no size.

    Raises:
      ValueError: naming the run, or the margin.
    """
    if not math.isfinite(margin) or (margin < 0 and margin != -1):
        raise ValueError(
            f"margin={margin} is not a size: use a positive number, 0 for the metric's own, or -1 for none"
        )
    for cell in cells:
        try:
            metrics.for_verdict(cell.config.task, name)
            _check_result(name, cell.config)
        except ValueError as error:
            raise ValueError(f"{cell.kind}: {error}") from error
    tuned = next((cell for cell in cells if cell.tuned), None)
    compares = len({cell.contender for cell in cells}) > 1
    if tuned is not None and compares and not size_of(margin, metrics.for_verdict(tuned.config.task, name)):
        raise ValueError(
            f"metric={name} has no margin, and two tunings of the same contender may differ: set --config.margin to "
            "the smallest difference that you would act on, so that smaller ones do not count"
        )


def size_of(margin: float, metric: Metric) -> float:
    """The smallest difference that anyone would act on, in the unit of the metric; 0 for none.

    Args:
      margin: field of a grid: a size, 0 for the metric's own, or -1 for none.
      metric: what is compared.
    """
    return max(margin, 0.0) or (metric.margin if margin == 0 else 0.0)


def _check_result(name: str, config: Any) -> None:
    """Refuses an experiment of a task that has the metric, if its own result lacks it."""
    if not config.eval.test:
        raise ValueError("eval.test=False leaves nothing to compare its runs by")
    if config.task == "gan" and not config.gan.samples:
        raise ValueError("gan.samples=0 leaves nothing to compare generators by")
    if config.task == "stack" and config.stack.head == "none":
        raise ValueError("stack.head=none leaves nothing to compare classifiers by")
    if config.task == "denoise" and name == SHIFT_EQUIVARIANCE.name and not config.eval.extras:
        raise ValueError(f"a run measures {name} with eval.extras=True only")
    of_holes = name in (PSNR_INSIDE.name, PSNR_OUTSIDE.name)
    if of_holes and config.noise.kind not in HOLES:
        raise ValueError(f"noise.kind={config.noise.kind} leaves no holes: for {name} use {' or '.join(HOLES)}")
    if of_holes and not max(config.noise.level, config.noise.level_max):
        raise ValueError(f"noise.level=0 leaves no holes: for {name} set it above 0")
    responses = name in {metric.name for metric in RESPONSE_METRICS}
    skips = config.model.skip or config.model.architecture == "unet"
    if config.task == "denoise" and responses and (skips or DECODERS[config.model.decoder].unpools):
        raise ValueError(f"its decoder needs the encoder, so that a code alone gives no {name}")
    upsamples = config.model.architecture in ("conv", "unet") and config.model.factors[0] > 1
    always = image_quality.RESTORATION_METRICS
    if config.task == "denoise" and name not in always and not of_holes and not upsamples:
        raise ValueError(f"the last layer of its network does not upsample, so it has no {name}")


def comparisons(
    rows: Sequence[Row],
    contenders: Sequence[str],
    axes: Sequence[str],
    reference: str,
    metric: Metric,
    margin: float = 0.0,
    tuned: bool = False,
) -> dict[str, Comparison]:
    """Compares each contender with the reference at every setting, over the seeds under which both values are finite.

    Args:
      rows: one row per finished run, see `results.row`.
      contenders: names of the contenders, the reference among them.
      axes: the columns that tell settings apart.
      reference: the contender that the others are compared with.
      metric: what is compared. Rows that lack it are left out.
      margin: smallest difference that anyone would act on, in the unit of the metric; 0 for the metric's own.
      tuned: whether the contenders were tuned, which adds the allowance for it.

    Returns:
      "contender" or "contender, axis=value" -> comparison, corrected for all of them together. Contenders without
      such a seed are left out; `seed_values.gaps` says which, and which seeds.
    """
    values = by_seed(rows, contenders, axes, metric)
    return compared(paired(values, reference), metric, margin, tuned)


def compared(
    pairs: Mapping[str, tuple[Sequence[float], Sequence[float]]], metric: Metric, margin: float, tuned: bool
) -> dict[str, Comparison]:
    """Label -> comparison of values and those of the reference, with the other arguments of `comparisons`."""
    size = size_of(margin, metric)
    return compare(pairs, bool(metric.higher_is_better), size, TUNING_SHARE * size if tuned else 0.0)


def seed_spreads(
    rows: Sequence[Row], contenders: Sequence[str], axes: Sequence[str], reference: str, metric: Metric
) -> dict[str, SeedSpread]:
    """The spread of each contender over seeds at every setting, with the same arguments as `comparisons`.

    Returns:
      "contender" or "contender, axis=value" -> spread, the reference among them. The tests are corrected for all of
      them together. Contenders without a finite value are left out.
    """
    values = by_seed(rows, contenders, axes, metric)
    compared = compare_spreads(paired(values, reference))
    return {
        label: SeedSpread(spread(list(known.values())), compared.get(label))
        for members in values.values()
        for label, own in members.values()
        if (known := finite(own))
    }


def word(one: Comparison, metric: Metric) -> str:
    """ "better", "worse", "equal for practical use" or "no difference shown"."""
    verdict = one.verdict()
    if verdict in ("higher", "lower"):
        return "better" if (verdict == "higher") == metric.higher_is_better else "worse"
    return verdict


def sentence(
    found: Mapping[str, Comparison], reference: str, metric: Metric, gaps: Gaps = NO_GAPS, alone: bool = False
) -> str:
    """The verdict in one paragraph.

    Args:
      found: label of a contender -> its comparison with the reference.
      reference: name of the reference.
      metric: what was compared.
      gaps: what was left out because it is not finite.
      alone: whether the reference is the grid's only contender.
    """
    said = _findings(found, reference, metric) if found else _nothing(reference, metric, gaps, alone)
    return " ".join([said, *gaps.sentences(metric)])


def _nothing(reference: str, metric: Metric, gaps: Gaps, alone: bool) -> str:
    """Why there is no comparison."""
    if alone:
        return f"{spoken(reference)} is the only contender of this grid: there is nothing to compare it with."
    if gaps.not_compared:
        return f"By {metric.label}, nothing can be compared with {spoken(reference)}."
    return (
        f"Nothing to compare with {spoken(reference)}: no other contender has finished one of the same seeds with "
        f"a value of {metric.label} (runs made before a metric existed do not have it)."
    )


def _findings(found: Mapping[str, Comparison], reference: str, metric: Metric) -> str:
    """What the comparisons show, of which there is at least one."""
    findings = [
        f"{spoken(label)} is {said} ({_size(one, metric)}, {_p(one, metric)})"
        for said in ("better", "worse", "equal for practical use")
        for label, one in found.items()
        if word(one, metric) == said
    ]
    undecided = [
        f"{spoken(label)} ({_size(one, metric)})"
        for label, one in found.items()
        if word(one, metric) == "no difference shown"
    ]
    if undecided:
        allowances = {one.allowance for one in found.values() if one.allowance}
        larger = "".join(f" larger than {metric.format_size(allowance)}" for allowance in allowances)
        findings.append(f"no difference{larger} shown for {', '.join(undecided)}")
    pairs, needed = sorted({one.pairs for one in found.values()}), fewest_pairs(len(found))
    seeds = f"{pairs[0]} to {pairs[-1]}" if len(pairs) > 1 else f"{pairs[0]}"
    plural = "" if seeds == "1" else "s"
    text = f"By {metric.label}, over {seeds} paired seed{plural}, compared with {reference}: {'; '.join(findings)}."
    if len(undecided) == len(found) and pairs[-1] < needed:
        compared = f"{len(found)} comparison{'' if len(found) == 1 else 's'} over {seeds} seed{plural}"
        text += f" {compared} cannot show a difference at the 5 % level, however large: that takes {needed} seeds."
    return text


def _size(one: Comparison, metric: Metric) -> str:
    """Mean difference, in the unit of the metric and relative to the spread over seeds, and its interval."""
    width = (one.high - one.low) / 2
    size = metric.format_difference(one.mean, width)
    if math.isfinite(one.effect):
        size += f", {abs(one.effect):.1f} times the spread over seeds"
    if math.isfinite(one.low):
        low, high = (metric.format_difference(end, width) for end in (one.low, one.high))
        size += f", 95 % interval {low} to {high}"
    return size


def _p(one: Comparison, metric: Metric) -> str:
    """The p-value of what a comparison shows, and how the difference compares with the margin."""
    margin = metric.format_size(one.margin)
    if one.verdict() == "equal for practical use":
        # In a grid that tunes, the test is at less than the margin.
        bound = metric.format_size(one.bound) if one.allowance else f"the margin of {margin}"
        return f"within {bound}, corrected p = {one.corrected_equal:.2g}"
    small = f", not above the margin of {margin}" if abs(one.mean) <= one.margin else ""
    larger = f"larger than {metric.format_size(one.allowance)} with " if one.allowance else ""
    return f"{larger}corrected p = {one.corrected:.2g}{small}"


def as_json(
    found: Mapping[str, Comparison],
    spreads: Mapping[str, SeedSpread],
    reference: str,
    metric: Metric,
    gaps: Gaps = NO_GAPS,
    alone: bool = False,
) -> dict[str, Any]:
    """The verdict for other programs.

    Args:
      found: label of a contender -> its comparison with the reference.
      spreads: label of a contender -> its spread over seeds, see `seed_spreads`.
      reference, metric, gaps, alone: see `sentence`.
    """
    return {
        "metric": metric.name,
        "reference": reference,
        "text": sentence(found, reference, metric, gaps, alone),
        "comparisons": [
            {
                "contender": label,
                "verdict": one.verdict(),
                **_or_null({**dataclasses.asdict(one), "effect": one.effect}),
            }
            for label, one in found.items()
        ],
        "spreads": [
            {
                "contender": label,
                **_or_null(dataclasses.asdict(one.spread)),
                "compared": None if one.compared is None else _or_null(dataclasses.asdict(one.compared)),
            }
            for label, one in spreads.items()
        ],
        "undefined": {label: count for label, (count, _) in gaps.undefined.items()},
        "not_compared": list(gaps.not_compared),
        "fewest_seeds": fewest_pairs(len(found)),
    }


def _or_null(values: Mapping[str, float]) -> dict[str, float | None]:
    """Numbers for JSON, which has no infinity and no NaN: what a single seed does not give is null."""
    return {name: x if math.isfinite(x) else None for name, x in values.items()}
