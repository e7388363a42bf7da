"""The section of the report on other kinds of noise, on shifts, and on the gap between training and test images."""

from __future__ import annotations

from typing import Any

import numpy as np

from aeden.measures import image_quality
from aeden.measures.equivariance import SHIFT_EQUIVARIANCE
from aeden.measures.metric import Metric
from aeden.runtime import files
from aeden.runtime.files import Row
from aeden.tasks.denoise.extras import BCE_GAP, PSNR_GAP
from experiments.ablate import metrics, results
from experiments.ablate.report.grid_result import GridResult
from experiments.ablate.report.html import note, table

# What the column of a metric says; the columns are in this order.
MEASURES = {
    SHIFT_EQUIVARIANCE: "Shift equivariance compares the restoration of a shifted image with the shifted restoration, "
    "over all shifts below the network's total stride: the higher, the less depends on where the image lies. A blurred "
    "restoration has a high value too, so compare contenders of about the same PSNR.",
    PSNR_GAP: "Gap: PSNR of up to as many training images as there are test images, with noise that the network has "
    "not seen, minus PSNR of the test images.",
    BCE_GAP: "BCE gap: the same of the cross-entropy, of test images minus training images.",
}
NOISES = (
    "Each run was also tested with kinds of noise that it was not trained on; noises.csv has more. The differences to "
    "the reference are differences of means over paired seeds, not tested."
)


def section(result: GridResult) -> list[str]:
    """The table of these measures, and noises.csv; empty if the runs have none of them."""
    known, tested = files.columns(result.rows), rows(result)
    measured = [metric for metric in MEASURES if metric.name in known]
    if not measured and not tested:
        return []
    metric = result.metric if tested and result.metric.name in tested[0] else image_quality.PSNR
    if tested:
        files.write_csv(result.plan.workdir / "noises.csv", tested)
    noises = list(dict.fromkeys((row["kind"], row["level"]) for row in tested))
    groups = results.grouped(tested, ["contender", *result.axes, "kind", "level"])
    heads = [metric.axis_label for metric in measured]
    for kind, level in noises:
        heads += [f"{metric.axis_label}, {kind} {level:g}", f"difference to {result.reference}"]
    lines = [
        [
            contender,
            *setting,
            *(results.cell(members, one.name) for one in measured),
            *(
                cell
                for noise in noises
                for cell in _cells(groups, metric, (contender, *setting, *noise), result.reference)
            ),
        ]
        for contender, setting, members in result.groups()
    ]
    texts = [MEASURES[one] for one in measured]
    if noises:
        texts.append(NOISES)
    shown = table(["contender", *result.axes, *heads], lines)
    return ["<h2>Robustness and equivariance</h2>", shown, note(" ".join(texts))]


def rows(result: GridResult) -> list[Row]:
    """The metrics of each finished run with each further kind of noise (`eval.noises`): one row each."""
    names = metrics.of_task("denoise")
    return [
        {
            "contender": cell.contender,
            "dataset": summary["dataset"],
            **cell.setting,
            "seed": cell.seed,
            "kind": noise.partition(":")[0],
            "level": float(noise.partition(":")[2]),
            **{name: both["test"][name] for name in names if name in both["test"]},
            **{f"noisy_{name}": both["noisy"][name] for name in names if name in both["noisy"]},
        }
        for cell, summary in result.summaries.items()
        for noise, both in summary.get("noises", {}).items()
    ]


def _cells(groups: dict[tuple[Any, ...], list[Row]], metric: Metric, key: tuple[Any, ...], reference: str) -> list[Any]:
    """A metric with a kind of noise for a contender at a setting, and its mean difference to the reference by seed.

    Args:
      groups: contender, setting, kind and level of the noise -> the rows of these runs.
      metric: what is shown.
      key: the group.
      reference: name of the reference.
    """
    mine, its = (groups.get((name, *key[1:]), []) for name in (key[0], reference))
    if not mine:
        return ["", ""]
    by_seed = {row["seed"]: row[metric.name] for row in its}
    paired = [row[metric.name] - by_seed[row["seed"]] for row in mine if row["seed"] in by_seed]
    if key[0] == reference or not paired:
        return [results.cell(mine, metric.name), ""]
    mean = float(np.mean(paired))
    return [results.cell(mine, metric.name), (metric.format_difference(mean), mean)]
