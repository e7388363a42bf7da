"""The report of a grid: one page that opens from disk, with its verdict, figures, tables and every run's cause."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

from aeden.measures.paired_statistics import Comparison
from aeden.runtime import files
from aeden.runtime.files import Row
from experiments.ablate import metrics, results, verdict
from experiments.ablate.baselines import Baselines
from experiments.ablate.grid import Cell, kind
from experiments.ablate.report import denoise, figures, gan
from experiments.ablate.report.html import escape, note, page, raster, table, vector

FOREST = (
    'Mean difference over paired seeds and its 95 % BCa bootstrap interval. "Not shown": the sign-flip '
    "permutation test, corrected by Holm's method for all comparisons here, does not show it at 5 %."
)


class Report:
    """The parts of a grid's page.

    Args:
      name: of the grid.
      settings: its config.
      cells: its runs.
      commands: what makes each of them alone.
      rows: of those that are finished.
      summaries: of the same.
      found: the comparisons.
      failures: error by run.
      workdir: holds the runs; figures go to `figures/`.
      costs: by contender and setting, see `experiments.ablate.cost`; {} where nothing was timed.
      tested: `results.levels` of the finished denoising runs.
      classical: see `experiments.ablate.baselines`; None for none.
    """

    def __init__(
        self,
        name: str,
        settings: Any,
        cells: list[Cell],
        commands: list[str],
        rows: list[Row],
        summaries: dict[Cell, dict[str, Any]],
        found: dict[str, Comparison],
        failures: dict[str, str],
        workdir: Path,
        costs: dict[str, Any],
        tested: list[Row],
        classical: Baselines | None,
    ):
        self.name, self.settings, self.cells, self.commands, self.rows = name, settings, cells, commands, rows
        self.summaries, self.found, self.failures = summaries, found, failures
        self.workdir, self.costs = workdir, costs
        self.tested, self.classical = tested, classical
        self.contenders = list(dict.fromkeys(cell.contender for cell in cells))
        self.axes = list(cells[0].setting)
        self.task = cells[0].config.task
        self.palette = figures.colours(self.contenders)
        self.metric = metrics.metric(settings.metric)

    def write(self) -> None:
        """report.html, and every figure in `figures/` as PNG and SVG."""
        parts = [*self.opening(), *self.comparison()]
        if self.task == "denoise":
            parts += [
                *denoise.levels(self),
                *self.cost(),
                *denoise.artifacts(self),
                *denoise.pictures(self),
                *denoise.baseline_table(self),
            ]
        if self.task == "gan":
            parts += gan.sections(self)
        parts += self.every_run()
        files.write_text(self.workdir / "report.html", page(f"aeden: {self.name}", parts))

    def opening(self) -> list[str]:
        """Title, verdict, and what is wrong."""
        text = verdict.sentence(self.found, self.settings.reference, self.settings.metric, self.settings.margin)
        parts = [
            f"<h1>{escape(self.name)}: {escape(', '.join(self.contenders))}</h1>",
            note(self.subtitle()),
            f'<p class="verdict">{escape(text)}</p>',
        ]
        stood_in = {(one["dataset"], one["requested_dataset"]) for one in self.summaries.values()}
        for data, asked in sorted(pair for pair in stood_in if pair[0] != pair[1]):
            parts.append(
                f'<p class="verdict warning">These figures are of {escape(data)}, which stood in for '
                f"{escape(asked)}: they say nothing of {escape(asked)}.</p>"
            )
        missing = len(self.cells) - len(self.rows) - len(self.failures)
        if self.failures or missing:
            listed = "".join(f"<li>{escape(n)}: {escape(error)}</li>" for n, error in self.failures.items())
            parts.append(
                f'<div class="verdict warning">{len(self.failures)} runs failed, {missing} are not finished.'
                f"<ul>{listed}</ul></div>"
            )
        return parts

    def subtitle(self) -> str:
        """What was run, where."""
        seeds = len({row["seed"] for row in self.rows})
        noise = self.settings.experiment.noise
        clipped = "clipped to [0, 1]" if noise.clip else "not clipped"
        level = "" if "noise.level" in self.axes else f" of {self.rows[0].get('level', '')}"
        what = f"{noise.kind} noise{level}, {clipped}; " if self.task == "denoise" else ""
        steps = " or ".join(sorted({f"{one['steps']:,}" for one in self.summaries.values()}))
        hardware = {
            one["hardware"]["processor" if one["hardware"]["platform"] == "cpu" else "device_kind"]
            for one in self.summaries.values()
        }
        commits = {
            f"{one['commit'][:12]}{'+changes' if one['commit'].endswith('+changes') else ''}"
            for one in self.summaries.values()
        }
        return (
            f"{', '.join(sorted({one['dataset'] for one in self.summaries.values()}))}, {what}{len(self.rows)} runs "
            f"over {seeds} seeds of {steps} steps; {', '.join(sorted(hardware))}; commit {', '.join(sorted(commits))}"
        )

    def figure(self, name: str, drawn: Any, caption: str, images: bool = False) -> str:
        """A figure in the page, and beside it in `figures/`."""
        folder = self.workdir / "figures"
        folder.mkdir(exist_ok=True)
        part = (raster if images else vector)(drawn, caption, f"{self.name}: {name}")
        with matplotlib.rc_context({"svg.hashsalt": name}):
            drawn.savefig(folder / f"{name}.png", dpi=150, facecolor="white", bbox_inches="tight")
            drawn.savefig(folder / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
        figures.close(drawn)
        return part

    def comparison(self) -> list[str]:
        """Forest plot and table of the contenders."""
        parts = ["<h2>Comparison</h2>"]
        if self.found:
            drawn = figures.forest(
                self.found, self.settings.reference, self.metric.label, self.metric.places, self.palette
            )
            parts.append(self.figure("forest", drawn, FOREST))
        names = [name for name in ("psnr", "ssim", "bce", "kid", "fid", "accuracy") if name in self.rows[0]]
        heads = [
            "contender",
            *self.axes,
            *(metrics.HEADS.get(name, name) for name in names),
            "difference",
            "p, corrected",
            "improvement",
            "seeds won",
        ]
        lines = []
        for contender, setting, members in self.groups():
            one = self.found.get(self.kind(contender, setting))
            alone = "reference" if contender == self.settings.reference else "no shared seed"
            compared = (
                [alone, "", "", ""]
                if one is None
                else [
                    (self.metric.difference(one.mean), one.mean),
                    (f"{one.corrected:.3g}", one.corrected),
                    (f"{one.improvement:.2f}", one.improvement),
                    f"{one.wins} of {one.pairs}",
                ]
            )
            lines.append([contender, *setting, *(results.cell(members, name) for name in names), *compared])
        parts.append(table(heads, lines))
        which = f"the better {self.metric.name} ({'higher' if self.metric.more else 'lower'})"
        parts.append(
            note(
                "Mean ± standard deviation over seeds. Improvement: the probability that a run of the "
                f"contender has {which} than one of the reference, whatever their seeds."
            )
        )
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

    def cost(self) -> list[str]:
        """Quality against what it costs."""
        if not self.costs:
            return []
        lines: list[list[Any]] = []
        points: dict[str, tuple[float, list[float]]] = {}
        for contender, setting, members in self.groups():
            cost = self.costs[self.kind(contender, setting)]
            lines.append(
                [
                    contender,
                    *setting,
                    (f"{cost['parameters']:,}", cost["parameters"]),
                    (f"{cost['multiplications'] / 1e6:.2f}", cost["multiplications"]),
                    (f"{cost['forward_ms']:.1f}", cost["forward_ms"]),
                    (f"{cost['training_ms']:.1f}", cost["training_ms"]),
                ]
            )
            points.setdefault(contender, (cost["training_ms"], [row[self.settings.metric] for row in members]))
        batch = self.settings.experiment.batch_size
        drawn = figures.quality_by_cost(
            points, self.metric.label, f"milliseconds a training step (batch {batch})", self.palette
        )
        return [
            "<h2>What it costs</h2>",
            self.figure("cost", drawn, "Mean over seeds and its 95 % interval, by the time of a training step."),
            table(
                [
                    "contender",
                    *self.axes,
                    "parameters",
                    "million multiplications an image",
                    f"forward, ms a batch of {batch}",
                    "training step, ms",
                ],
                lines,
            ),
        ]

    def every_run(self) -> list[str]:
        """Every run's figures, its command, and where they come from."""
        left_out = ("folder", "contender", *self.axes, "level", "dataset")
        names = [name for name in files.columns(self.rows) if name not in left_out]
        by_folder = {cell.folder: cell for cell in self.cells}
        lines = [
            [by_folder[row["folder"]].name, *((_digits(row.get(name, "")), row.get(name, "")) for name in names)]
            for row in self.rows
        ]
        commands, cause = "\n".join(self.commands), json.dumps(results.causes(self.summaries.values()), indent=2)
        config = json.dumps(self.settings.to_dict(), indent=2, default=str)
        return [
            "<h2>Every run</h2>",
            table(["run", *(metrics.HEADS.get(name, name) for name in names)], lines),
            f"<details><summary>Commands</summary><pre>{escape(commands)}</pre></details>",
            f"<details><summary>Versions, hardware, data</summary><pre>{escape(cause)}</pre></details>",
            f"<details><summary>The grid's config</summary><pre>{escape(config)}</pre></details>",
        ]


def _digits(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
