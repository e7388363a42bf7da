"""The section of the report that only a grid of GANs has."""

from __future__ import annotations

from experiments.ablate import metrics, results
from experiments.ablate.report import figures
from experiments.ablate.report.grid_result import GridResult
from experiments.ablate.report.html import note, table
from experiments.ablate.report.saved_figures import add_figure


def sections(result: GridResult) -> list[str]:
    """Samples of the same latents side by side, and metrics of samples, of untrained generators and of real images."""
    parts = ["<h2>Generators side by side</h2>"]
    sets = {
        f"{cell.contender}, seed {cell.seed}": results.newest_samples(result.plan.folders[cell])
        for cell in result.first_cells
        if cell in result.summaries
    }
    if sets:
        drawn = figures.side_by_side(sets)
        parts.append(add_figure(result, "samples", drawn, "Samples of the same latents.", images=True))
    return [*parts, *_metrics(result)]


def _metrics(result: GridResult) -> list[str]:
    """A table of sample metrics, with notes on the classifier that they depend on."""
    classifiers = {
        (one["classifier"]["accuracy"], one["classifier"]["sha256"][:12]) for one in result.summaries.values()
    }
    parts = []
    if len(classifiers) > 1:
        parts.append(
            note(f"{len(classifiers)} different classifiers judged these samples: do not compare across them.")
        )
    judged = [row for cell, summary in result.summaries.items() for row in results.judged(cell, summary)]
    judged.sort(key=lambda row: row["images"] == "real")  # the best possible values come last
    names = [name for name in metrics.of_task("gan") if name in judged[0]]
    by = ["generator", "images", *result.axes]
    lines = [
        [*key, *(results.cell(members, name) for name in names)] for key, members in results.grouped(judged, by).items()
    ]
    described = "; ".join(f"test accuracy {accuracy:.2%}, sha256 {sha}" for accuracy, sha in sorted(classifiers))
    samples = " or ".join(f"{number:,}" for number in result.values_of("gan.samples"))
    text = (
        f"{samples} samples per run, judged by a classifier trained here "
        f"({described}), not by an Inception network: compare these values only with each other. Real: the test split "
        "compared with the training split; it shows the values that real images reach. Authenticity: the share of "
        "samples that are not copies of a training image; a value well below that of real images means that training "
        "images were memorised."
    )
    return [*parts, table([*by, *result.heads(names)], lines), note(text)]
