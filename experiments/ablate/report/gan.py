"""The section of the report that only a grid of GANs has."""

from __future__ import annotations

from aeden.runtime import files
from experiments.ablate import metrics, results
from experiments.ablate.report import figures
from experiments.ablate.report.grid_result import GridResult
from experiments.ablate.report.html import note, table
from experiments.ablate.report.saved_figures import add_figure

# Kind of judge -> what samples are compared with, see `aeden.tasks.gan.judge`.
COMPARED_WITH = {
    "all": "the training split",
    "half": "the half of the training split that the classifier was not trained on",
}


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
    """A table of sample metrics, with notes on the classifier that they depend on; and samples.csv, run by run."""
    classifiers = {
        (one["classifier"]["accuracy"], one["classifier"]["sha256"][:12]) for one in result.summaries.values()
    }
    parts = []
    if len(classifiers) > 1:
        parts.append(
            note(f"{len(classifiers)} different classifiers judged these samples: do not compare across them.")
        )
    judged = [row for cell, summary in result.summaries.items() for row in results.judged(cell, summary)]
    # Real images are the same for all runs.
    files.write_csv(result.plan.workdir / "samples.csv", list({tuple(row.items()): row for row in judged}.values()))
    judged.sort(key=lambda row: row["images"] in results.REAL_SETS)  # the best possible values come last
    known = files.columns(judged)
    names = [name for name in metrics.of_task("gan") if name in known]
    by = ["generator", "images", *result.axes]
    lines = [
        [*key, *(results.cell(members, name) for name in names)] for key, members in results.grouped(judged, by).items()
    ]
    described = "; ".join(f"test accuracy {accuracy:.2%}, sha256 {sha}" for accuracy, sha in sorted(classifiers))
    samples = " or ".join(f"{number:,}" for number in result.values_of("gan.samples"))
    # Runs of earlier versions had no other kind.
    kinds = {one["classifier"].get("kind", "all") for one in result.summaries.values()}
    compared = " or ".join(COMPARED_WITH[kind] for kind in sorted(kinds))
    text = (
        f"{samples} samples per run, judged by a classifier trained here "
        f"({described}), not by an Inception network: compare these values only with each other. Real: the test split "
        f"compared with {compared}; it shows the values that real images reach. Authenticity: the share of samples "
        "that are not copies of a training image; a value well below that of real images means that training images "
        "were memorised."
    )
    if any(row["images"] == "unseen" for row in judged):
        text += (
            " Unseen: further training images that the classifier was not trained on; a generator without fault would "
            "reach these values, also where the test split is of another kind than the training split."
        )
    if any(row["images"].startswith("truncated") for row in judged):
        text += " Truncated: the same samples from latent vectors without the tails beyond the given number."
    if "agreement" in names:
        text += " Class agreement: the share of samples that the classifier takes for the class they were made for."
    return [*parts, table([*by, *result.heads(names)], lines), note(text)]
