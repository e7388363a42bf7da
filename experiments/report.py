"""The report of a grid: one page that opens from disk, with its verdict, figures, tables and every run's cause."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from aeden import report_grid, runs
from aeden.report_html import escape, note, page, raster, table, vector
from aeden.statistics import Comparison
from experiments import results, verdict
from experiments.grid import Cell, dataset_of, kind
from experiments.results import Row

# Of the images that every run shows, so many lie side by side.
SHOWN = 6
# The middle of a 28 x 28 image, in which a checkerboard is seen best.
CROP = 14
HEADS = {
    "psnr": "PSNR, dB", "ssim": "SSIM", "bce": "BCE", "harmonic_energy": "checkerboard energy",
    "phase_variation": "phase variation", "spectrum_distance_db": "spectrum distance, dB",
    "constant_ripple_initial": "ripple, initial", "constant_ripple_trained": "ripple, trained",
    "impulse_unevenness_initial": "unevenness, initial", "impulse_unevenness_trained": "unevenness, trained",
    "kid": "KID", "fid": "FID",
}  # fmt: skip


FOREST = (
    'Mean difference over paired seeds and its 95 % BCa bootstrap interval. "Not shown": the sign-flip '
    "permutation test, corrected by Holm's method for all comparisons here, does not show it at 5 %."
)
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


class Report:
    """The parts of a grid's page.

    Args:
      name: of the grid.
      settings: its config.
      cells: its runs.
      rows: of those that are finished.
      found: the comparisons.
      failures: error by run.
      workdir: holds the runs; figures go to `figures/`.
      costs: by contender and setting, see `experiments.cost`; {} where nothing was timed.
      classical: baselines' rows and pictures, see `experiments.classical`; None for none.
    """

    def __init__(
        self, name: str, settings: Any, cells: list[Cell], rows: list[Row], found: dict[str, Comparison],
        failures: dict[str, str], workdir: Path, costs: dict[str, Any],
        classical: tuple[list[Row], dict[str, np.ndarray]] | None,
    ):  # fmt: skip
        self.name, self.settings, self.cells, self.rows, self.found = name, settings, cells, rows, found
        self.failures, self.workdir, self.costs, self.classical = failures, workdir, costs, classical
        self.contenders = list(dict.fromkeys(cell.contender for cell in cells))
        self.axes = list(cells[0].setting)
        self.task = cells[0].config.task
        self.palette = report_grid.colours(self.contenders)
        self.metric = verdict.metric(settings.metric)
        self.summaries = {
            cell: summary for cell in cells if (summary := runs.finished(workdir / "runs" / cell.folder)) is not None
        }

    def write(self) -> None:
        """report.html, and every figure in `figures/` as PNG and SVG."""
        parts = [*self.opening(), *self.comparison(), *self.levels(), *self.cost(), *self.artifacts(),
                 *self.pictures(), *self.baselines(), *self.generators(), *self.every_run()]  # fmt: skip
        runs.write_text(self.workdir / "report.html", page(f"aeden: {self.name}", parts))

    def opening(self) -> list[str]:
        """Title, verdict, and what is wrong."""
        first = next(iter(self.summaries.values()))
        data, asked = first["dataset"], first["requested_dataset"]
        text = verdict.sentence(self.found, self.settings.reference, self.settings.metric, self.settings.margin)
        parts = [
            f"<h1>{escape(self.name)}: {escape(', '.join(self.contenders))}</h1>",
            note(self.subtitle(first)),
            f'<p class="verdict">{escape(text)}</p>',
        ]
        if data != asked:
            parts.append(f'<p class="verdict warning">These figures are of {escape(data)}, which stood in for '
                         f"{escape(asked)}: they say nothing of {escape(asked)}.</p>")  # fmt: skip
        missing = len(self.cells) - len(self.rows) - len(self.failures)
        if self.failures or missing:
            listed = "".join(f"<li>{escape(n)}: {escape(error)}</li>" for n, error in self.failures.items())
            parts.append(f'<div class="verdict warning">{len(self.failures)} runs failed, {missing} are not finished.'
                         f"<ul>{listed}</ul></div>")  # fmt: skip
        return parts

    def subtitle(self, summary: dict[str, Any]) -> str:
        """What was run, where."""
        seeds = len({row["seed"] for row in self.rows})
        noise = self.settings.experiment.noise
        clipped = "clipped to [0, 1]" if noise.clip else "not clipped"
        level = "" if "noise.level" in self.axes else f" of {noise.level:g}"
        what = f"{noise.kind} noise{level}, {clipped}; " if self.task == "denoise" else ""
        hardware = summary["hardware"]
        return (
            f"{summary['dataset']}, {what}{len(self.rows)} runs over {seeds} seeds of {summary['steps']:,} steps; "
            f"{hardware['processor'] if hardware['platform'] == 'cpu' else hardware['device_kind']}; commit "
            f"{summary['commit'][:12]}{'+changes' if summary['commit'].endswith('+changes') else ''}"
        )

    def figure(self, name: str, drawn: Any, caption: str, images: bool = False) -> str:
        """A figure in the page, and beside it in `figures/`."""
        folder = self.workdir / "figures"
        folder.mkdir(exist_ok=True)
        part = (raster if images else vector)(drawn, caption, f"{self.name}: {name}")
        with matplotlib.rc_context({"svg.hashsalt": name}):
            drawn.savefig(folder / f"{name}.png", dpi=150, facecolor="white", bbox_inches="tight")
            drawn.savefig(folder / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
        report_grid.close(drawn)
        return part

    def comparison(self) -> list[str]:
        """Forest plot and table of the contenders."""
        parts = ["<h2>Comparison</h2>"]
        if self.found:
            drawn = report_grid.forest(self.found, self.settings.reference, self.metric.label, self.palette)
            parts.append(self.figure("forest", drawn, FOREST))
        names = [name for name in ("psnr", "ssim", "bce", "kid", "fid", "accuracy") if name in self.rows[0]]
        heads = ["contender", *self.axes, *(HEADS.get(name, name) for name in names), "difference", "p, corrected",
                 "improvement", "seeds won"]  # fmt: skip
        lines = []
        for contender, setting, members in self.groups():
            one = self.found.get(self.kind(contender, setting))
            compared = ["reference", "", "", ""] if one is None else [
                (self.metric.difference(one.mean), one.mean), (f"{one.corrected:.3g}", one.corrected),
                (f"{one.improvement:.2f}", one.improvement), f"{one.wins} of {one.pairs}",
            ]  # fmt: skip
            lines.append([contender, *setting, *(_spread(members, name) for name in names), *compared])
        parts.append(table(heads, lines))
        parts.append(note("Mean ± standard deviation over seeds. Improvement: the probability that a run of the "
                          f"contender has the higher {self.metric.name} than one of the reference."))  # fmt: skip
        return parts

    def groups(self) -> list[tuple[str, tuple[Any, ...], list[Row]]]:
        """(contender, setting, its rows) in the grid's order."""
        found = results.grouped(self.rows, ["contender", *self.axes])
        order = dict.fromkeys((cell.contender, *cell.setting.values()) for cell in self.cells)
        known = sorted((key for key in order if key in found), key=lambda key: self.contenders.index(key[0]))
        return [(key[0], key[1:], found[key]) for key in known]

    def kind(self, contender: str, setting: Sequence[Any]) -> str:
        """Contender and setting in words, from the values of the setting."""
        return kind(contender, dict(zip(self.axes, setting, strict=True)))

    def levels(self) -> list[str]:
        """The metric by noise level: trained at each level, or tested at others than trained at."""
        if self.task != "denoise":
            return []
        parts: list[str] = []
        if self.axes == ["noise.level"]:
            curves: dict[str, dict[float, list[float]]] = {name: {} for name in self.contenders}
            for row in self.rows:
                curves[row["contender"]].setdefault(row["noise.level"], []).append(row[self.settings.metric])
            drawn = report_grid.levels(curves, self.metric.label, "noise level", self.palette)
            parts.append(self.figure("levels", drawn, "Trained and tested at each level. Bands: 95 % intervals."))
        if self.settings.experiment.eval.levels and not self.axes:
            curves = {name: {} for name in self.contenders}
            noisy: dict[float, list[float]] = {}
            for cell, summary in self.summaries.items():
                own = {f"{cell.config.noise.level:g}": {"test": summary["test"], "noisy": summary["noisy"]}}
                for level, both in {**own, **summary["levels"]}.items():
                    curves[cell.contender].setdefault(float(level), []).append(both["test"][self.settings.metric])
                    noisy.setdefault(float(level), []).append(both["noisy"][self.settings.metric])
            curves["noisy input"] = noisy
            drawn = report_grid.levels(curves, self.metric.label, "noise level of the test", self.palette)
            trained = self.settings.experiment.noise.level
            parts.append(self.figure("test_levels", drawn, (
                f"Trained at a level of {trained:g}, tested at others. Bands: 95 % intervals over seeds."
            )))  # fmt: skip
        return ["<h2>By noise level</h2>", *parts] if parts else []

    def cost(self) -> list[str]:
        """Quality against what it costs."""
        if not self.costs:
            return []
        lines: list[list[Any]] = []
        points: dict[str, tuple[float, list[float]]] = {}
        for contender, setting, members in self.groups():
            cost = self.costs[self.kind(contender, setting)]
            lines.append([contender, *setting, (f"{cost['parameters']:,}", cost["parameters"]),
                          (f"{cost['multiplications'] / 1e6:.2f}", cost["multiplications"]),
                          (f"{cost['forward_ms']:.1f}", cost["forward_ms"]),
                          (f"{cost['training_ms']:.1f}", cost["training_ms"])])  # fmt: skip
            points.setdefault(contender, (cost["training_ms"], [row[self.settings.metric] for row in members]))
        batch = self.settings.experiment.batch_size
        drawn = report_grid.quality_by_cost(
            points, self.metric.label, f"milliseconds a training step (batch {batch})", self.palette
        )
        return ["<h2>What it costs</h2>",
                self.figure("cost", drawn, "Mean over seeds and its 95 % interval, by the time of a training step."),
                table(["contender", *self.axes, "parameters", "million multiplications an image",
                       f"forward, ms a batch of {batch}", "training step, ms"], lines)]  # fmt: skip

    def artifacts(self) -> list[str]:
        """Checkerboard and spectrum measures, before and after training."""
        names = [name for name in results.FIGURES["denoise"] if name in self.rows[0]][3:]
        if self.task != "denoise" or not names:
            return []
        lines = [[contender, *setting, *(_spread(members, name) for name in names)]
                 for contender, setting, members in self.groups()]  # fmt: skip
        parts = ["<h2>Artifacts</h2>", table(["contender", *self.axes, *(HEADS[name] for name in names)], lines),
                 note(MEASURES)]  # fmt: skip
        curves: dict[str, Sequence[float]] = {}
        for cell, summary in self.summaries.items():
            if "artifacts" in summary and cell.contender not in curves:
                spectrum = summary["artifacts"]["residual"]["spectrum"]
                curves |= {cell.contender: spectrum["restored"], "clean images": spectrum["clean"]}
        size = min(dataset_of(self.cells[0].config).image_shape[:2])
        drawn = report_grid.spectra(curves, size, self.palette)
        return [*parts, self.figure("spectra", drawn, "Radially averaged power of restored and of clean test images.")]

    def pictures(self) -> list[str]:
        """The same images by every contender at the grid's first setting and seed."""
        if self.task != "denoise":
            return []
        rows: dict[str, np.ndarray] = {}
        power: dict[str, np.ndarray] = {}
        for cell in self.cells[: len(self.contenders)]:
            path = self.workdir / "runs" / cell.folder / "examples.npz"
            if not path.exists():
                continue
            with np.load(path) as kept:
                rows = {"clean": kept["clean"][:SHOWN], "noisy": kept["noisy"][:SHOWN], **rows}
                rows[cell.contender] = kept["restored"][:SHOWN]
                if "residual power" in kept:
                    power[cell.contender] = kept["residual power"]
        if self.classical:
            rows |= {name: images[:SHOWN] for name, images in self.classical[1].items() if name != "noisy input"}
        if not rows:
            return []
        side = min(rows["clean"].shape[1:3])
        crop = slice(max(side - CROP, 0) // 2, max(side - CROP, 0) // 2 + min(CROP, side))
        drawn = report_grid.pictures(rows, (crop, crop), power)
        place = f" ({self.cells[0].place})" if self.axes else ""
        caption = f"Test images under the first seed's noise{place}; {PICTURES}"
        return ["<h2>Pictures</h2>", self.figure("pictures", drawn, caption, images=True)]

    def baselines(self) -> list[str]:
        """What needs no training."""
        if not self.classical:
            return []
        lines = [[row["method"], (f"{row['psnr']:.2f}", row["psnr"]), (f"{row['ssim']:.4f}", row["ssim"]),
                  "" if row["strength"] is None else f"{row['strength']:g}"] for row in self.classical[0]]  # fmt: skip
        first = [row for row in self.rows if row["seed"] == self.cells[0].seed]
        first = [row for row in first if all(row[axis] == self.cells[0].setting[axis] for axis in self.axes)]
        lines += [[row["contender"], (f"{row['psnr']:.2f}", row["psnr"]), (f"{row['ssim']:.4f}", row["ssim"]), ""]
                  for row in first]  # fmt: skip
        return ["<h2>Baselines</h2>", table(["method", "PSNR, dB", "SSIM", "strength"], lines),
                note("On the same corrupted test images (those of the first seed"
                     f"{', ' + self.cells[0].place if self.axes else ''}), each at the strength with the best PSNR on "
                     f"100 validation images. {POSTERIOR}")]  # fmt: skip

    def generators(self) -> list[str]:
        """The page of a grid of GANs."""
        if self.task != "gan":
            return []
        judged = [row for cell in self.summaries for row in results.judged(cell, self.workdir / "runs" / cell.folder)]
        names = [name for name in results.FIGURES["gan"] if name in judged[0]]
        by = ["generator", "images", *self.axes]
        lines = [[*key, *(_spread(members, name) for name in names)]
                 for key, members in results.grouped(judged, by).items()]  # fmt: skip
        sets = {
            f"{cell.contender}, seed {cell.seed}": results.newest_samples(self.workdir / "runs" / cell.folder)
            for cell in self.cells[: len(self.contenders)] if cell in self.summaries
        }  # fmt: skip
        summary = next(iter(self.summaries.values()))
        classifier = summary["classifier"] or {"accuracy": float("nan"), "sha256": "none"}
        drawn = report_grid.side_by_side(sets)
        return ["<h2>Generators side by side</h2>",
                self.figure("samples", drawn, "Samples of the same latents.", images=True),
                table([*by, *(HEADS.get(name, name) for name in names)], lines),
                note(f"{summary['samples']:,} samples a run, judged by a classifier trained here (test accuracy "
                     f"{classifier['accuracy']:.2%}, sha256 {classifier['sha256'][:12]}), never by an Inception "
                     'network: compare these figures with one another only. "Real" is the test split against the '
                     "training split: the floor.")]  # fmt: skip

    def every_run(self) -> list[str]:
        """Every run's figures, its command, and where they come from."""
        names = [name for name in self.rows[0] if name not in ("folder", "contender", *self.axes, "level", "dataset")]
        by_folder = {cell.folder: cell for cell in self.cells}
        lines = [
            [by_folder[row["folder"]].name, *((_digits(row.get(name, "")), row.get(name, "")) for name in names)]
            for row in self.rows
        ]
        commands = "\n".join(shlex.join(["python", "-m", "experiments.main", *cell.arguments()]) for cell in self.cells)
        first = next(iter(self.summaries.values()))
        cause = json.dumps(
            {name: first[name] for name in ("versions", "hardware", "commit", "dataset_sha256")}, indent=2
        )
        config = json.dumps(self.settings.to_dict(), indent=2, default=str)
        return ["<h2>Every run</h2>", table(["run", *(HEADS.get(name, name) for name in names)], lines),
                f"<details><summary>Commands</summary><pre>{escape(commands)}</pre></details>",
                f"<details><summary>Versions, hardware, data</summary><pre>{escape(cause)}</pre></details>",
                f"<details><summary>The grid's config</summary><pre>{escape(config)}</pre></details>"]  # fmt: skip


def _spread(members: Sequence[Row], name: str) -> tuple[str, float]:
    """Mean and deviation of a figure, and the mean to sort by."""
    values = [member[name] for member in members if name in member]
    return results.spread(values), float(np.mean(values)) if values else float("nan")


def _digits(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
