"""The sections of the report that only a grid of super-resolution runs has."""

from __future__ import annotations

from typing import Any

import numpy as np

from aeden.measures import checkerboard, image_quality
from aeden.nn.resize import INTERPOLATIONS
from aeden.runtime import files
from aeden.runtime.files import Row
from aeden.tasks.super_resolve.tested import NETWORK
from experiments.ablate import results
from experiments.ablate.grid import dataset_of
from experiments.ablate.report import figures
from experiments.ablate.report.baseline_table import contender_lines
from experiments.ablate.report.grid_result import GridResult
from experiments.ablate.report.html import note, table
from experiments.ablate.report.saved_figures import add_figure

# Number of example images that are shown, and the smallest side of the enlarged crop.
SHOWN, CROP = 6, 14
MEASURED = (image_quality.PSNR, image_quality.SSIM, checkerboard.SPECTRUM_DISTANCE)
BASELINES = (
    "Interpolations enlarge the same test images of low resolution, with the noise of the first seed if there is any; "
    "contenders are means ± standard deviations over seeds. Over the best interpolation: mean PSNR minus the highest "
    "PSNR of an interpolation at this setting. Multiplications are counted per image, or per crop where data.crop is "
    "set; those of interpolations are not."
)
PICTURES = (
    "Low resolution: each pixel drawn as a square, as by the nearest interpolation. Crop: the middle of the first "
    "image, enlarged. Error's spectrum: power spectrum of the error over the test split, frequency 0 in the middle; a "
    "checkerboard is a bright spot at the border."
)
ARTIFACTS = (
    "Of the error (restored minus true image), with the factor as the period: checkerboard energy is the share of its "
    "variance that repeats with the period; phase variation is how much its variance differs between positions within "
    "the period."
)


def sections(result: GridResult) -> list[str]:
    """The sections of a grid of super-resolution runs, as HTML; writes baselines.csv."""
    return [*baselines(result), *artifacts(result), *spectra(result), *pictures(result)]


def baseline_rows(result: GridResult) -> list[Row]:
    """The metrics of each interpolation at each setting, from the first finished run there."""
    rows: dict[tuple[Any, ...], list[Row]] = {}
    for cell, summary in sorted(result.summaries.items(), key=lambda one: one[0].seed):
        key = tuple(cell.setting.values())
        if key not in rows and summary[NETWORK]:
            rows[key] = [
                {"method": name, **cell.setting, **{one.name: summary[name][one.name] for one in MEASURED}}
                for name in INTERPOLATIONS
            ]
    return [row for some in rows.values() for row in some]


def baselines(result: GridResult) -> list[str]:
    """The table of interpolations and contenders at each setting."""
    rows = baseline_rows(result)
    if not rows:
        return []
    files.write_csv(result.plan.workdir / "baselines.csv", rows)
    by_setting = results.grouped(rows, result.axes)
    lines = []
    for setting, interpolated in by_setting.items():
        best = max(row["psnr"] for row in interpolated)
        for row in interpolated:
            values = [(f"{row[one.name]:.{one.digits}f}", row[one.name]) for one in MEASURED]
            lines.append([f"{row['method']} (interpolation)", *setting, *values, "", "", ""])
        lines += contender_lines(result, setting, MEASURED, (image_quality.PSNR, best, 2))
    heads = [*result.axes, *result.heads(one.name for one in MEASURED), "over the best interpolation, dB"]
    parts = table(["method", *heads, "parameters", "multiplications"], lines)
    return ["<h2>Compared with interpolation</h2>", parts, note(BASELINES)]


def artifacts(result: GridResult) -> list[str]:
    """Checkerboards in the errors."""
    names = (checkerboard.HARMONIC_ENERGY.name, checkerboard.PHASE_VARIATION.name)
    lines = [
        [contender, *setting, *(results.cell(members, name) for name in names)]
        for contender, setting, members in result.groups()
    ]
    return ["<h2>Artifacts</h2>", table(["contender", *result.axes, *result.heads(names)], lines), note(ARTIFACTS)]


def spectra(result: GridResult) -> list[str]:
    """Spectra of restored, of bicubic and of true images, of the first seed at the first setting."""
    found = {cell.contender: result.summaries[cell]["spectra"] for cell in result.first_cells if _tested(result, cell)}
    if not found:
        return []
    curves = {name: one[NETWORK] for name, one in found.items()}
    first = next(iter(found.values()))
    curves |= {"bicubic": first["bicubic"], "true images": first["clean"]}
    cell, factor = result.plan.cells[0], result.plan.cells[0].config.super_resolve.factor
    size = min(side // factor * factor for side in dataset_of(cell.config).image_shape[:2])
    caption = f"Radially averaged power of restored and of true test images{result.first_setting}."
    return [add_figure(result, "spectra", figures.spectra(curves, size, result.palette), caption)]


def pictures(result: GridResult) -> list[str]:
    """The same test images, enlarged by interpolation and by each contender."""
    rows: dict[str, np.ndarray] = {}
    power: dict[str, np.ndarray] = {}
    for cell in result.first_cells:
        path = result.plan.folders[cell] / "examples.npz"
        if not _tested(result, cell) or not path.exists():
            continue
        with np.load(path) as kept:
            if not rows:
                rows = {"true": kept["clean"][:SHOWN], "low resolution": kept["nearest"][:SHOWN]}
                rows |= {name: kept[name][:SHOWN] for name in ("bicubic", "lanczos")}
                power = {name: kept[f"power of {name}"] for name in ("bicubic", "lanczos")}
            rows[_unlike(cell.contender, rows)] = kept["restored"][:SHOWN]
            power[_unlike(cell.contender, power)] = kept[f"power of {NETWORK}"]
    if not rows:
        return []
    side = min(rows["true"].shape[1:3])
    length = min(side, max(CROP, side // 4))
    crop = slice((side - length) // 2, (side - length) // 2 + length)
    drawn = figures.pictures(rows, (crop, crop), power)
    caption = f"Test images of the first seed{result.first_setting}. {PICTURES}"
    return ["<h2>Pictures</h2>", add_figure(result, "pictures", drawn, caption, images=True)]


def _unlike(contender: str, known: dict[str, np.ndarray]) -> str:
    """The name of a contender's row, which an interpolation may have too."""
    return f"{contender} (network)" if contender in known else contender


def _tested(result: GridResult, cell: Any) -> bool:
    return bool(result.summaries.get(cell, {}).get("spectra"))
