"""The parts of a grid's page that are about restoring images: by level, artifacts, pictures, baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aeden.runtime import files
from aeden.runtime.files import Row
from experiments.ablate import baselines, metrics, results
from experiments.ablate.grid import dataset_of, place
from experiments.ablate.report import figures
from experiments.ablate.report.html import note, table

if TYPE_CHECKING:
    from experiments.ablate.report.page import Report

# Values by noise level and seed.
Points = dict[float, dict[int, float]]
# Of the images that every run shows, so many lie side by side.
SHOWN = 6
# The middle of a 28 x 28 image, in which a checkerboard is seen best.
CROP = 14
# What a run kept of its decoder's answers begins so (`aeden.tasks.denoise.decoder_artifacts.measure`).
ANSWERS = ("constant", "impulse")
MEASURES = (
    "Of the residual (restored minus clean): checkerboard energy, the share of its variance that repeats with the "
    "stride's period; phase variation, how unequal its variance is by place within the stride; the distance of "
    "restored images' radially averaged spectrum to that of clean ones. Of the decoder: the ripple that a "
    "constant code makes, and how unevenly an impulse's energy falls, before and after training."
)
PICTURES = (
    "a crop of the first; the power spectrum of the error over the test split, frequency 0 in the middle: a "
    "checkerboard is a spot at the border."
)
POSTERIOR = (
    "The posterior mean is the average of the training images weighed by their likelihood: no estimator beats it, "
    "in squared error, on images drawn from the training set itself. Test images are not, so it bounds nothing "
    "here: a network that has learnt what such images have in common may well be better."
)


def levels(report: Report) -> list[str]:
    """The metric by noise level: trained at each level, or tested at others than trained at."""
    trained_at_each = report.axes == ["noise.level"]
    tested_at_others = not report.axes and len(report.settings.experiment.eval.levels) > 0
    if not trained_at_each and not tested_at_others:
        return []
    metric = report.settings.metric if report.settings.metric in metrics.BY_LEVEL else "psnr"
    told = metrics.metric(metric)
    rows = [
        row
        for row in report.tested
        if isinstance(row["level"], float) and (not trained_at_each or row["level"] == row["noise.level"])
    ]
    if not rows:
        return []
    known: dict[str, Points] = {name: {} for name in report.contenders}
    for row in rows:
        known[row["contender"]].setdefault(row["level"], {})[row["seed"]] = row[metric]
    known = {name: points for name, points in known.items() if points}
    curves = {
        name: {level: list(by_seed.values()) for level, by_seed in points.items()} for name, points in known.items()
    } | _without_training(report, rows, told.more, metric)
    reference = report.settings.reference
    if trained_at_each:
        across, name, caption = "noise level", "levels", "Trained and tested at each level."
    else:
        trained = place({"noise.level": report.cells[0].level})
        across, name = "noise level of the test", "test_levels"
        caption = f"Trained at {trained}, tested at others."
    labels = (told.label, f"difference to {reference} ({told.label})")
    drawn = figures.levels(curves, differences(known, reference), labels, across, report.palette)
    return ["<h2>By noise level</h2>", report.figure(name, drawn, f"{caption} Bands: 95 % intervals over seeds.")]


def differences(known: dict[str, Points], reference: str) -> dict[str, dict[float, list[float]]]:
    """To the reference at the same level under the same seed."""
    beside = known.get(reference, {})
    found = {
        name: {
            level: [value - beside[level][seed] for seed, value in by_seed.items() if seed in beside[level]]
            for level, by_seed in points.items()
            if level in beside
        }
        for name, points in known.items()
        if name != reference
    }
    return {name: kept for name, points in found.items() if (kept := {x: v for x, v in points.items() if v})}


def _without_training(report: Report, rows: list[Row], more: bool, metric: str) -> dict[str, dict[float, list[float]]]:
    """Curves of what needs no training: the noisy input, and, where they were measured, the best of the baselines."""
    noisy: dict[float, list[float]] = {}
    for row in rows:
        noisy.setdefault(row["level"], []).append(row[f"noisy_{metric}"])
    curves = {"noisy input": noisy}
    measured = [row for row in report.classical.rows if metric in row] if report.classical else []
    measured = [row for row in measured if row["level"] in noisy]
    for level, value in baselines.best_by_level(measured, metric, more).items():
        curves.setdefault("best classical", {})[level] = [value]
    for row in measured:
        if row["method"] == baselines.POSTERIOR:
            curves.setdefault(baselines.POSTERIOR, {})[row["level"]] = [row[metric]]
    return curves


def artifacts(report: Report) -> list[str]:
    """Checkerboard and spectrum measures, before and after training."""
    known = files.columns(report.rows)
    names = [name for name in metrics.FIGURES["denoise"] if name in known and name not in metrics.BY_LEVEL]
    if not names:
        return []
    lines = [
        [contender, *setting, *(results.cell(members, name) for name in names)]
        for contender, setting, members in report.groups()
    ]
    heads = ["contender", *report.axes, *(metrics.HEADS[name] for name in names)]
    spectra = {
        cell.contender: summary["artifacts"]["residual"]["spectrum"]
        for cell, summary in reversed(report.summaries.items())
        if "artifacts" in summary
    }
    curves = {name: spectra[name]["restored"] for name in report.contenders if name in spectra}
    curves["clean images"] = next(iter(spectra.values()))["clean"]
    size = min(dataset_of(report.cells[0].config).image_shape[:2])
    drawn = figures.spectra(curves, size, report.palette)
    caption = f"Radially averaged power of restored and of clean test images{_first_place(report)}."
    parts = ["<h2>Artifacts</h2>", table(heads, lines), note(MEASURES), report.figure("spectra", drawn, caption)]
    answers = {
        contender: {name: image for name, image in kept.items() if name.startswith(ANSWERS)}
        for contender, kept in _examples(report).items()
    }
    answers = {contender: found for contender, found in answers.items() if found}
    if answers:
        caption = f"The decoder's answer to a code, in logits{_first_place(report)}; first seed."
        parts.append(report.figure("responses", figures.responses(answers), caption, images=True))
    return parts


def _examples(report: Report) -> dict[str, dict[str, np.ndarray]]:
    """What the runs at the grid's first setting and seed kept to be shown, by contender."""
    found = {}
    for cell in report.cells[: len(report.contenders)]:
        path = report.workdir / "runs" / cell.folder / "examples.npz"
        if path.exists():
            with np.load(path) as kept:
                found[cell.contender] = dict(kept)
    return found


def pictures(report: Report) -> list[str]:
    """The same images by every contender at the grid's first setting and seed."""
    rows: dict[str, np.ndarray] = {}
    power: dict[str, np.ndarray] = {}
    for contender, kept in _examples(report).items():
        rows = {"clean": kept["clean"][:SHOWN], "noisy": kept["noisy"][:SHOWN], **rows}
        rows[contender] = kept["restored"][:SHOWN]
        if "residual power" in kept:
            power[contender] = kept["residual power"]
    if report.classical:
        rows |= {name: images[:SHOWN] for name, images in report.classical.shown.items() if name != baselines.NOISY}
    if not rows:
        return []
    side = min(rows["clean"].shape[1:3])
    crop = slice(max(side - CROP, 0) // 2, max(side - CROP, 0) // 2 + min(CROP, side))
    drawn = figures.pictures(rows, (crop, crop), power)
    caption = f"Test images under the first seed's noise{_first_place(report)}; {PICTURES}"
    return ["<h2>Pictures</h2>", report.figure("pictures", drawn, caption, images=True)]


def baseline_table(report: Report) -> list[str]:
    """What needs no training, and the contenders, on the very same images: those of the first seed."""
    if not report.classical:
        return []
    first = report.cells[0].seed
    networks = [{"method": row["contender"], **row} for row in report.tested if row["seed"] == first]
    by, measured = [*report.axes, "level"], report.classical.rows
    if "noise.level" in report.axes:
        # Each at its own level: levels.csv and baselines.csv have the rest.
        by = report.axes
        networks, measured = (
            [row for row in rows if row["level"] == row["noise.level"]] for rows in (networks, measured)
        )
    places = list(results.grouped(measured, by))
    settings = list(dict.fromkeys(key[:-1] for key in places))
    if all(isinstance(key[-1], float) for key in places):
        places.sort(key=lambda key: (settings.index(key[:-1]), key[-1]))
    if len(places) == 1:
        networks = [row for row in networks if row["level"] == measured[0]["level"]]
        heads = ["method", "PSNR, dB", "SSIM", "strength"]
        lines: list[list[Any]] = [
            [
                row["method"],
                (f"{row['psnr']:.2f}", row["psnr"]),
                (f"{row['ssim']:.4f}", row["ssim"]),
                "" if row.get("strength") is None else f"{row['strength']:g}",
            ]
            for row in [*measured, *networks]
        ]
        more = ""
    else:
        heads = ["PSNR, dB", *(place(dict(zip(by, key, strict=True))) for key in places)]
        lines = []
        for (method,), rows in results.grouped([*measured, *networks], ["method"]).items():
            found = {tuple(row[name] for name in by): row["psnr"] for row in rows}
            lines.append([method, *((f"{found[key]:.2f}", found[key]) if key in found else "" for key in places)])
        more = " baselines.csv has their SSIM and strengths too."
    return [
        "<h2>Baselines</h2>",
        table(heads, lines),
        note(
            "On the same corrupted test images, those of the first seed, each baseline at the strength with the "
            f"best PSNR on {baselines.TUNED_ON} validation images.{more} {POSTERIOR}"
        ),
    ]


def _first_place(report: Report) -> str:
    return f" ({report.cells[0].place})" if report.axes else ""
