"""The sections of the report that only a grid of denoising runs has."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aeden.measures import image_quality
from aeden.measures.holes import PSNR_INSIDE, PSNR_OUTSIDE
from aeden.measures.metric import Metric
from aeden.runtime.files import Row, columns
from experiments.ablate import baselines, metrics, results
from experiments.ablate.grid import dataset_of, place
from experiments.ablate.report import baseline_table, convergence, costs, figures, holes, robustness
from experiments.ablate.report.grid_result import GridResult
from experiments.ablate.report.html import note, table
from experiments.ablate.report.saved_figures import add_figure

# Noise level -> {seed: metric}.
Points = dict[float, dict[int, float]]
# Number of example images of a run that are shown.
SHOWN = 6
# Side of the enlarged crop: the middle of a 28 x 28 image, where a checkerboard is seen best.
CROP = 14
# Names of a decoder's responses in examples.npz begin with these (`aeden.tasks.denoise.decoder_artifacts.measure`).
RESPONSES = ("constant", "impulse")
MEASURES = (
    "Measured on the residual (restored minus clean image): checkerboard energy is the share of its variance that "
    "repeats with the period of the stride; phase variation is how much its variance differs between positions within "
    "the stride. Spectrum distance compares the radially averaged spectrum of restored images with that of clean ones. "
    "Measured on the decoder, before and after training: ripple is the variation of its response to a constant code; "
    "unevenness is how unequally the energy of an impulse is spread over positions within the stride."
)
PICTURES = (
    "Crop: the middle of the first image, enlarged. Error's spectrum: power spectrum of the error over the test split, "
    "with frequency 0 in the middle; a checkerboard is a bright spot at the border."
)


def sections(result: GridResult) -> list[str]:
    """The sections of a grid of denoising runs, as HTML."""
    return [
        *levels(result),
        *convergence.section(result),
        *holes.section(result),
        *robustness.section(result),
        *costs.section(result),
        *artifacts(result),
        *pictures(result),
        *baseline_table.section(result),
    ]


def levels(result: GridResult) -> list[str]:
    """The metric by noise level, if runs were trained at several levels or tested at several levels."""
    trained_at_each = result.axes == ["noise.level"]
    tested_at_others = not result.axes and len(result.plan.settings.experiment.eval.levels) > 0
    if not trained_at_each and not tested_at_others:
        return []
    rows = [
        row
        for row in result.denoising.levels
        if isinstance(row["level"], float) and (not trained_at_each or row["level"] == row["noise.level"])
    ]
    if not rows:
        return []
    metric = result.metric if f"noisy_{result.metric.name}" in rows[0] else image_quality.PSNR
    points = _points(rows, metric.name, result.contenders)
    curves = {
        contender: {level: list(by_seed.values()) for level, by_seed in members.items()}
        for contender, members in points.items()
    }
    if trained_at_each:
        across, file, caption = "noise level", "levels", "Trained and tested at each level."
    else:
        trained = place({"noise.level": result.plan.cells[0].level})
        across, file = "noise level of the test", "test_levels"
        caption = f"Trained at {trained} and tested at several levels."
    drawn = figures.levels(
        curves | _without_training(result, rows, metric),
        differences(points, result.reference),
        (metric.axis_label, f"difference to {result.reference} ({metric.axis_label})"),
        across,
        result.palette,
    )
    return ["<h2>By noise level</h2>", add_figure(result, file, drawn, f"{caption} Bands: 95 % intervals over seeds.")]


def _points(rows: list[Row], name: str, contenders: list[str]) -> dict[str, Points]:
    """A metric by contender, noise level and seed; contenders without a row are left out."""
    points: dict[str, Points] = {contender: {} for contender in contenders}
    for row in rows:
        points[row["contender"]].setdefault(row["level"], {})[row["seed"]] = row[name]
    return {contender: members for contender, members in points.items() if members}


def differences(points: Mapping[str, Points], reference: str) -> dict[str, dict[float, list[float]]]:
    """Differences of each contender to the reference at the same noise level and with the same seed.

    Args:
      points: metric by contender, noise level and seed.
      reference: name of the contender to compare with.

    Returns:
      Contender -> {noise level: one difference per shared seed}; levels without a shared seed are left out.
    """
    baseline = points.get(reference, {})
    paired: dict[str, dict[float, list[float]]] = {}
    for contender, members in points.items():
        for level, by_seed in members.items() if contender != reference else ():
            of_reference = baseline.get(level, {})
            values = [value - of_reference[seed] for seed, value in by_seed.items() if seed in of_reference]
            if values:
                paired.setdefault(contender, {})[level] = values
    return paired


def _without_training(result: GridResult, rows: list[Row], metric: Metric) -> dict[str, dict[float, list[float]]]:
    """Curves of the noisy input, the best classical baseline and the posterior mean, where they were measured."""
    noisy: dict[float, list[float]] = {}
    for row in rows:
        noisy.setdefault(row["level"], []).append(row[f"noisy_{metric.name}"])
    curves = {"noisy input": noisy}
    measured = result.denoising.baselines.rows if result.denoising.baselines else []
    measured = [row for row in measured if metric.name in row and row["level"] in noisy]
    for level, value in baselines.best_by_level(measured, metric.name, bool(metric.higher_is_better)).items():
        curves.setdefault("best classical", {})[level] = [value]
    for row in measured:
        if row["method"] == baselines.POSTERIOR:
            curves.setdefault(baselines.POSTERIOR, {})[row["level"]] = [row[metric.name]]
    return curves


def artifacts(result: GridResult) -> list[str]:
    """Checkerboard and spectrum measures, before and after training."""
    known, by_level = columns(result.rows), columns(result.denoising.levels)
    elsewhere = {*by_level, *(metric.name for metric in (*robustness.MEASURES, PSNR_INSIDE, PSNR_OUTSIDE))}
    names = [name for name in metrics.of_task("denoise") if name in known and name not in elsewhere]
    if not names:
        return []
    lines = [
        [contender, *setting, *(results.cell(members, name) for name in names)]
        for contender, setting, members in result.groups()
    ]
    parts = ["<h2>Artifacts</h2>", table(["contender", *result.axes, *result.heads(names)], lines), note(MEASURES)]
    return [*parts, *_spectra(result), *_responses(result)]


def _spectra(result: GridResult) -> list[str]:
    """Spectra of restored and of clean images, from each contender's first finished run at the first setting."""
    spectra = {
        cell.contender: summary["artifacts"]["residual"]["spectrum"]
        for cell, summary in reversed(result.summaries.items())
        if "artifacts" in summary and cell.setting == result.plan.cells[0].setting
    }
    if not spectra:
        return []
    curves = {name: spectra[name]["restored"] for name in result.contenders if name in spectra}
    curves["clean images"] = next(iter(spectra.values()))["clean"]
    size = min(dataset_of(result.plan.cells[0].config).image_shape[:2])
    drawn = figures.spectra(curves, size, result.palette)
    caption = f"Radially averaged power of restored and of clean test images{result.first_setting}."
    return [add_figure(result, "spectra", drawn, caption)]


def _responses(result: GridResult) -> list[str]:
    """Responses of the decoders of the first runs, if those kept any."""
    responses = {
        contender: {name: image for name, image in kept.items() if name.startswith(RESPONSES)}
        for contender, kept in _examples(result).items()
    }
    responses = {contender: images for contender, images in responses.items() if images}
    if not responses:
        return []
    caption = (
        f"Response of the decoder to a code, in logits{result.first_setting}; first seed. Blue is below and red above "
        "the mean; the scale is written below each map. The ripple in the table is relative to the logits of real "
        "images, which training makes larger."
    )
    return [add_figure(result, "responses", figures.responses(responses), caption, images=True)]


def _examples(result: GridResult) -> dict[str, dict[str, np.ndarray]]:
    """examples.npz of each contender's first run: contender -> {name: array}."""
    examples = {}
    for cell in result.first_cells:
        path = result.plan.folders[cell] / "examples.npz"
        if path.exists():
            with np.load(path) as kept:
                examples[cell.contender] = dict(kept)
    return examples


def pictures(result: GridResult) -> list[str]:
    """The same test images as restored by each contender and each baseline."""
    rows: dict[str, np.ndarray] = {}
    power: dict[str, np.ndarray] = {}
    for contender, kept in _examples(result).items():
        if rows and not np.array_equal(kept["clean"][:SHOWN], rows["clean"]):
            continue  # a run of another version kept other images
        rows = {"clean": kept["clean"][:SHOWN], "noisy": kept["noisy"][:SHOWN], **rows}
        rows[contender] = kept["restored"][:SHOWN]
        if "residual power" in kept:
            power[contender] = kept["residual power"]
    if result.denoising.baselines:
        shown = result.denoising.baselines.shown
        if not rows or np.allclose(shown[baselines.NOISY][:SHOWN], rows["noisy"], atol=1e-5):
            rows |= {name: images[:SHOWN] for name, images in shown.items() if name != baselines.NOISY}
    if not rows:
        return []
    side = min(rows["clean"].shape[1:3])
    start = max(side - CROP, 0) // 2
    crop = slice(start, start + min(CROP, side))
    drawn = figures.pictures(rows, (crop, crop), power)
    caption = f"Test images with the noise of the first seed{result.first_setting}. {PICTURES}"
    return ["<h2>Pictures</h2>", add_figure(result, "pictures", drawn, caption, images=True)]
