"""The part of a grid's page that is about generators: both side by side, and what their samples were told to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.ablate import metrics, results
from experiments.ablate.report import figures
from experiments.ablate.report.html import note, table

if TYPE_CHECKING:
    from experiments.ablate.report.page import Report


def sections(report: Report) -> list[str]:
    """Samples of the same latents side by side, and the figures of samples, of untrained ones and of real images."""
    folders = {cell: report.workdir / "runs" / cell.folder for cell in report.summaries}
    sets = {
        f"{cell.contender}, seed {cell.seed}": results.newest_samples(folders[cell])
        for cell in report.cells[: len(report.contenders)]
        if cell in folders
    }
    parts = ["<h2>Generators side by side</h2>"]
    if sets:
        drawn = figures.side_by_side(sets)
        parts.append(report.figure("samples", drawn, "Samples of the same latents.", images=True))
    classifiers = {
        (one["classifier"]["accuracy"], one["classifier"]["sha256"][:12]) for one in report.summaries.values()
    }
    told = "; ".join(f"test accuracy {accuracy:.2%}, sha256 {sha}" for accuracy, sha in sorted(classifiers))
    if len(classifiers) > 1:
        parts.append(
            note(f"{len(classifiers)} classifiers judged these samples: figures of different ones compare badly.")
        )
    judged = [row for cell, folder in folders.items() for row in results.judged(cell, folder)]
    names = [name for name in metrics.FIGURES["gan"] if name in judged[0]]
    by = ["generator", "images", *report.axes]
    judged.sort(key=lambda row: row["images"] == "real")  # the floor below all that is compared with it
    lines = [
        [*key, *(results.cell(members, name) for name in names)] for key, members in results.grouped(judged, by).items()
    ]
    return [
        *parts,
        table([*by, *(metrics.HEADS.get(name, name) for name in names)], lines),
        note(
            f"{report.settings.experiment.gan.samples:,} samples a run, judged by a classifier trained here "
            f"({told}), never by "
            'an Inception network: compare these figures with one another only. "Real" is the test split against '
            "the training split: the floor. Authenticity: the share that are no copies of a "
            "training image; one well below that of real images means images learnt by heart."
        ),
    ]
