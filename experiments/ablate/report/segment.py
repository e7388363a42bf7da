"""The sections of the report that only a grid of segmentation runs has."""

from __future__ import annotations

from typing import Any

import numpy as np

from aeden.measures import segmentation
from aeden.plots.segmentation import segmentations
from aeden.runtime import files
from aeden.runtime.files import Row
from aeden.tasks.segment.tested import NETWORK, THRESHOLD
from experiments.ablate import results
from experiments.ablate.report.baseline_table import contender_lines
from experiments.ablate.report.grid_result import GridResult
from experiments.ablate.report.html import note, table
from experiments.ablate.report.saved_figures import add_figure

# Number of example images that are shown.
SHOWN = 6
MEASURED = (
    segmentation.MEAN_IOU,
    segmentation.BOUNDARY_F1,
    segmentation.BOUNDARY_F1_2,
    segmentation.PIXEL_ACCURACY,
)
BASELINES = (
    "Threshold: connected components of what stands out, each with the class of the most similar glyph of the training "
    "images, on the same test images, with the noise of the first seed if there is any; contenders are means ± "
    "standard deviations over seeds. Multiplications are counted per image; those of the threshold are not."
)
CLASSES = (
    "Intersection over union of each class: means ± standard deviations over seeds. A class without pixels in the test "
    "images has none."
)
PICTURES = "Colours are classes, and letters name them; below each method's classes are its errors."


def sections(result: GridResult) -> list[str]:
    """The sections of a grid of segmentation runs, as HTML; writes baselines.csv."""
    return [*baselines(result), *by_class(result), *pictures(result)]


def baseline_rows(result: GridResult) -> list[Row]:
    """The metrics of the threshold at each setting, from the first finished run there."""
    rows: dict[tuple[Any, ...], Row] = {}
    for cell, summary in sorted(result.summaries.items(), key=lambda one: one[0].seed):
        key = tuple(cell.setting.values())
        if key not in rows and summary[NETWORK]:
            values = {one.name: summary[THRESHOLD][one.name] for one in MEASURED}
            rows[key] = {"method": THRESHOLD, **cell.setting, **values}
    return list(rows.values())


def baselines(result: GridResult) -> list[str]:
    """The table of the threshold and the contenders at each setting."""
    rows = baseline_rows(result)
    if not rows:
        return []
    files.write_csv(result.plan.workdir / "baselines.csv", rows)
    lines = []
    for row in rows:
        setting = tuple(row[axis] for axis in result.axes)
        values = [(f"{row[one.name]:.{one.digits}f}", row[one.name]) for one in MEASURED]
        lines.append([f"{THRESHOLD} (no network)", *setting, *values, "", "", ""])
        lines += contender_lines(result, setting, MEASURED, (segmentation.MEAN_IOU, row["mean_iou"], 4))
    heads = [*result.axes, *result.heads(one.name for one in MEASURED), "mean IoU over the threshold's"]
    parts = table(["method", *heads, "parameters", "multiplications"], lines)
    return ["<h2>Compared with a threshold</h2>", parts, note(BASELINES)]


def by_class(result: GridResult) -> list[str]:
    """The intersection over union of each class."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for cell, summary in result.summaries.items():
        if summary[NETWORK]:
            found.setdefault((cell.contender, *cell.setting.values()), []).append(summary["iou"][NETWORK])
    if not found:
        return []
    names = next(iter(result.summaries.values()))["classes"]
    lines = [
        [contender, *setting, *(results.cell(found[contender, *setting], name) for name in names)]
        for contender, setting, _ in result.groups()
        if (contender, *setting) in found
    ]
    return ["<h2>By class</h2>", table(["contender", *result.axes, *names], lines), note(CLASSES)]


def pictures(result: GridResult) -> list[str]:
    """The same test images, segmented by the threshold and by each contender."""
    predictions: dict[str, np.ndarray] = {}
    images = truth = np.empty(0)
    names: list[str] = []
    for cell in result.first_cells:
        path = result.plan.folders[cell] / "examples.npz"
        summary = result.summaries.get(cell, {})
        if not summary.get(NETWORK) or not path.exists():
            continue
        with np.load(path) as kept:
            if not predictions:
                images, truth, names = kept["image"][:SHOWN], kept["truth"][:SHOWN], summary["classes"]
                predictions[f"{THRESHOLD}\n(no network)"] = kept[THRESHOLD][:SHOWN]
            predictions[cell.contender] = kept[NETWORK][:SHOWN]
    if not predictions:
        return []
    drawn = segmentations(images, truth, predictions, names)
    caption = f"Test images of the first seed{result.first_setting}. {PICTURES}"
    return ["<h2>Pictures</h2>", add_figure(result, "pictures", drawn, caption, images=True)]
