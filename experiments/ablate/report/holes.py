"""The section of the report on noise that leaves parts of the images out: how well these are filled in."""

from __future__ import annotations

from aeden.measures.holes import PSNR_INSIDE, PSNR_OUTSIDE
from aeden.runtime.files import Row
from experiments.ablate import results
from experiments.ablate.report.grid_result import GridResult
from experiments.ablate.report.html import note, table

HOLES = (
    "Of the mean squared error over all pixels of the test split inside of holes, or outside. The input is black "
    "inside and right outside. The networks are not told where the holes are. The PSNR of the other tables is a mean "
    "over images, and one whose holes hit nothing but black counts 100 dB there: judge the input, and what is filled "
    "in, by these figures."
)


def section(result: GridResult) -> list[str]:
    """The table of PSNR inside and outside of holes; empty if no run has holes."""
    found = [summary["holes"] for summary in result.summaries.values() if "holes" in summary]
    if not found:
        return []
    before: dict[tuple[object, ...], list[Row]] = {}
    for cell, summary in result.summaries.items():
        if "noisy_psnr_inside" in summary.get("holes", {}):
            place = (cell.contender, *cell.setting.values())
            before.setdefault(place, []).append(summary["holes"])
    lines = [
        [
            contender,
            *setting,
            results.cell(before.get((contender, *setting), []), "noisy_psnr_inside"),
            *(results.cell(members, metric.name) for metric in (PSNR_INSIDE, PSNR_OUTSIDE)),
        ]
        for contender, setting, members in result.groups()
    ]
    heads = [
        "contender",
        *result.axes,
        "PSNR of the input inside holes, dB",
        *(m.axis_label for m in (PSNR_INSIDE, PSNR_OUTSIDE)),
    ]
    shares = sorted({f"{one['hole_share']:.0%}" for one in found})
    share = f"Holes are {' to '.join(dict.fromkeys((shares[0], shares[-1])))} of the pixels."
    return ["<h2>Holes</h2>", table(heads, lines), note(f"{HOLES} {share}")]
