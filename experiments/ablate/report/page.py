"""The report of a grid: one HTML page that opens without a network, with verdict, figures, tables and provenance.

To add a section for a task, write a module with a function `sections(result) -> list of HTML parts` and enter it in
`SECTIONS`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aeden.runtime import files
from experiments.ablate import doubts, results, seed_groups, verdict
from experiments.ablate.report import denoise, figures, gan, html, segment, super_resolve, tuning
from experiments.ablate.report.grid_result import GridResult
from experiments.ablate.report.html import escape, note, table
from experiments.ablate.report.saved_figures import add_figure

# Value of config.task -> the sections that only this task has. A task may have none.
SECTIONS: dict[str, Callable[[GridResult], list[str]]] = {
    "denoise": denoise.sections,
    "gan": gan.sections,
    "segment": segment.sections,
    "super_resolve": super_resolve.sections,
}
# Metrics that the comparison shows, besides the one that the verdict is about.
COMPARED = ("psnr", "ssim", "bce", "kid", "fid", "mean_iou", "boundary_f1", "accuracy")
FOREST = (
    'Mean difference over paired seeds with its 95 % interval (paired t-test). "No difference shown": p > 0.05 in the '
    "sign-flip permutation test, after Holm's correction for all comparisons on this page."
)
MARGIN = (
    ' Gray band: differences smaller than the margin of {margin}, the smallest difference to act on. "Equal for '
    'practical use": a difference of {bound} or more has p of at most 0.05 in two one-sided t-tests, also corrected.'
)
ALLOWANCE = (
    " The contenders were tuned, so a difference has to be shown to be larger than {allowance}, and equality to hold "
    "within the margin less as much: two tunings of one contender may differ by that."
)
SPREADS = (
    "Standard deviation of {label} over seeds, with the 95 % interval of the chi-square distribution. Ratio: to the "
    "standard deviation of {reference} over the same seeds. Corrected p: of equal spreads, by the Pitman-Morgan test, "
    "after Holm's correction for all rows. Both hold for normally distributed results. Few seeds show only large "
    "ratios: eight show a ratio of 3 in about half of the cases, if five contenders are compared."
)


def write(result: GridResult) -> None:
    """Writes report.html, and each of its figures as PNG and SVG into figures/."""
    sections = SECTIONS.get(result.task)
    parts = [
        *opening(result),
        *comparison(result),
        *spreads(result),
        *(sections(result) if sections else []),
        *tuning.sections(result),
        *every_run(result),
    ]
    files.write_text(result.plan.workdir / "report.html", html.page(f"aeden: {result.plan.name}", parts))


def opening(result: GridResult) -> list[str]:
    """Title, verdict, and warnings about substituted data and missing runs."""
    text = verdict.sentence(result.comparisons, result.reference, result.metric, result.gaps, result.alone)
    parts = [
        f"<h1>{escape(result.plan.name)}: {escape(', '.join(result.contenders))}</h1>",
        note(subtitle(result)),
        f'<p class="verdict">{escape(text)}</p>',
        *([note(result.note)] if result.note else []),
        *([note(together)] if (together := seed_groups.sentence(result.summaries.values())) else []),
    ]
    for used, requested in result.stood_in:
        parts.append(
            f'<p class="verdict warning">These results are for {escape(used)}, which stood in for '
            f"{escape(requested)}: they say nothing about {escape(requested)}.</p>"
        )
    for title, lines in doubts.titled(result.plan, result.summaries).items():
        listed = "".join(f"<li>{escape(line)}</li>" for line in lines)
        parts.append(f'<div class="verdict warning">{title}:<ul>{listed}</ul></div>')
    missing = sum(
        cell not in result.summaries and cell.name not in result.failures and not result.plan.divergence(cell)
        for cell in result.plan.cells
    )
    if result.failures or missing:
        listed = "".join(f"<li>{escape(name)}: {escape(error)}</li>" for name, error in result.failures.items())
        parts.append(
            f'<div class="verdict warning">Runs that failed: {len(result.failures)}. Runs that are not finished: '
            f"{missing}.<ul>{listed}</ul></div>"
        )
    return parts


def subtitle(result: GridResult) -> str:
    """Data, noise, number of runs, learning rate, hardware and commit in one line."""
    summaries = list(result.summaries.values())
    datasets = sorted({one["dataset"] for one in summaries})
    seeds = len({row["seed"] for row in result.rows})
    steps = _numbers(one["steps"] for one in summaries)
    images = _numbers(one["examples"]["train"] for one in summaries)
    noise = f"{_noise(result)}; " if result.task == "denoise" else ""
    hardware = sorted(
        {one["hardware"]["processor" if one["hardware"]["platform"] == "cpu" else "device_kind"] for one in summaries}
    )
    changed = {one["commit"]: "+changes" if one["commit"].endswith("+changes") else "" for one in summaries}
    commits = sorted({f"{commit[:12]}{suffix}" for commit, suffix in changed.items()})
    return (
        f"{', '.join(datasets)}; {noise}{len(result.rows)} runs over {seeds} seed{'s' * (seeds != 1)}, {steps} steps "
        f"each on {images} training images{_rate(result)}; "
        f"{', '.join(hardware)}; commit {', '.join(commits)}"
    )


def _numbers(found: Iterable[int]) -> str:
    """Different numbers in words, e.g. "320 or 1,290"."""
    return " or ".join(f"{number:,}" for number in sorted(set(found)))


def _rate(result: GridResult) -> str:
    """The peak learning rate, if all runs have the same and it is no setting, e.g. " at a learning rate of 0.025"."""
    rates = result.values_of("learning_rate")
    return f" at a peak learning rate of {rates[0]}" if len(rates) == 1 else ""


def _noise(result: GridResult) -> str:
    """Kind and level of the noise of the runs, e.g. "gaussian noise of level 0.4, clipped to [0, 1]"."""
    levels = list(dict.fromkeys(cell.level for cell in result.plan.cells))
    # Several levels are an axis, which has a column in the tables.
    level = f" of level {levels[0]}" if len(levels) == 1 else ""
    clips = " or ".join("clipped to [0, 1]" if clip else "not clipped" for clip in result.values_of("noise.clip"))
    return f"{' or '.join(result.values_of('noise.kind'))} noise{level}, {clips}"


def comparison(result: GridResult) -> list[str]:
    """Forest plot and table of the comparison with the reference, and a table of the other metrics."""
    parts, metric = ["<h2>Comparison</h2>"], result.metric
    margin = max((one.margin for one in result.comparisons.values()), default=0.0)
    allowance = max((one.allowance for one in result.comparisons.values()), default=0.0)
    bound = metric.format_size(max((one.bound for one in result.comparisons.values()), default=0.0))
    if result.comparisons:
        drawn = figures.forest(result.comparisons, result.reference, metric.axis_label, metric.digits, result.palette)
        caption = FOREST + (MARGIN.format(margin=metric.format_size(margin), bound=bound) if margin else "")
        caption += ALLOWANCE.format(allowance=metric.format_size(allowance)) if allowance else ""
        parts.append(add_figure(result, "forest", drawn, caption))
    heads = ["difference", "spread over seeds", "difference / spread", "corrected p"]
    heads += [*(["corrected p, equality"] if margin else []), "verdict", "probability of improvement", "seeds won"]
    lines = [
        [contender, *setting, results.cell(members, metric.name), *_compared(result, contender, setting, len(heads))]
        for contender, setting, members in result.groups()
    ]
    better = "higher" if metric.higher_is_better else "lower"
    tested = f"a difference of {metric.format_size(allowance)} or less" if allowance else "no difference"
    equality = f"; corrected p, equality: of a difference of {bound} or more" if margin else ""
    text = (
        f"Mean ± standard deviation over seeds. Difference: in {metric.label}, to {result.reference}. Spread over "
        "seeds: standard deviation, pooled over contender and reference; difference / spread is Cohen's d. Corrected "
        f"p: of {tested}{equality}. Probability of improvement: that a run of the contender has a better "
        f"({better}) {metric.label} than a run of the reference, over all pairs of their seeds."
    )
    parts += [table(["contender", *result.axes, metric.axis_label, *heads], lines), note(text)]
    return [*parts, *_other_metrics(result)]


def _compared(result: GridResult, contender: str, setting: Sequence[Any], count: int) -> list[Any]:
    """The cells of a contender that compare it with the reference; as many as `count`."""
    label = result.kind(contender, setting)
    one = result.comparisons.get(label)
    if one is None:
        why = "not compared: not defined" if label in result.gaps.not_compared else "no shared seed"
        return ["reference" if contender == result.reference else why, *[""] * (count - 1)]
    p = [one.corrected, one.corrected_equal] if one.margin else [one.corrected]
    return [
        (result.metric.format_difference(one.mean, (one.high - one.low) / 2), one.mean),
        _number(one.spread, ".2g"),
        _number(one.effect, "+.1f"),
        *(_number(value, ".3g") for value in p),
        verdict.word(one, result.metric),
        _number(one.improvement, ".2f"),
        f"{one.wins} of {one.pairs}",
    ]


def _other_metrics(result: GridResult) -> list[str]:
    """Means of the metrics that the verdict is not about."""
    known = files.columns(result.rows)
    names = [name for name in COMPARED if name in known and name != result.metric.name]
    if not names:
        return []
    lines = [
        [contender, *setting, *(results.cell(members, name) for name in names)]
        for contender, setting, members in result.groups()
    ]
    return [
        table(["contender", *result.axes, *result.heads(names)], lines),
        note("Other metrics: mean ± standard deviation over seeds."),
    ]


def spreads(result: GridResult) -> list[str]:
    """How much each contender varies over seeds; nothing if each has a single seed."""
    metric, contenders = result.metric, list(result.plan.settings.contenders)
    found = verdict.seed_spreads(result.rows, contenders, result.axes, result.reference, metric)
    if all(one.spread.seeds < 2 for one in found.values()):
        return []
    lines = []
    for contender, setting, _ in result.groups():
        one = found.get(result.kind(contender, setting))
        if one is None:
            continue
        own, compared = one.spread, one.compared
        lines.append(
            [
                contender,
                *setting,
                _number(own.deviation, ".2g"),
                (f"{own.low:.2g} to {own.high:.2g}", own.low) if own.seeds > 1 else "",
                _number(compared.ratio, ".2f") if compared else "reference" * (contender == result.reference),
                _number(compared.corrected, ".3g") if compared else "",
                own.seeds,
            ]
        )
    unit = f", {metric.unit}" if metric.unit else ""
    heads = ["contender", *result.axes, f"spread{unit}", "95 % interval", "ratio", "corrected p", "seeds"]
    text = SPREADS.format(label=metric.label, reference=result.reference)
    return ["<h2>Spread over seeds</h2>", table(heads, lines), note(text)]


def every_run(result: GridResult) -> list[str]:
    """The results and commands of all runs, and where they come from."""
    left_out = ("folder", "contender", *result.axes, "level", "dataset")
    names = [name for name in files.columns(result.rows) if name not in left_out]
    run_names = {result.plan.label(cell): cell.name for cell in result.plan.cells}
    lines = [
        [run_names[row["folder"]], *((_digits(row.get(name, "")), row.get(name, "")) for name in names)]
        for row in result.rows
    ]
    provenance = json.dumps(results.causes(result.summaries.values()), indent=2)
    config = json.dumps(result.plan.settings.to_dict(), indent=2, default=str)
    return [
        "<h2>Every run</h2>",
        table(["run", *result.heads(names)], lines),
        _details("Commands", "\n".join(result.commands)),
        _details("Versions, hardware, data", provenance),
        _details("The grid's config", config),
    ]


def _details(summary: str, text: str) -> str:
    """Plain text that is shown after a click on its summary."""
    return f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>"


def _number(value: float, form: str) -> tuple[str, float | str]:
    """A number to show and to sort by; nothing if it is not defined."""
    return (format(value, form), value) if math.isfinite(value) else ("", "")


def _digits(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
