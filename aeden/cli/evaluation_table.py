"""The table of `aeden evaluate`, as rows, CSV and Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from aeden.inference.conditions import Condition
from aeden.inference.evaluation import NOISY, Mean, Method, Score, mean
from aeden.runtime import files
from aeden.runtime.files import Row


def rows_of(label: str, scores: list[Score], methods: list[Method], conditions: Sequence[Condition]) -> Iterator[Row]:
    """The rows of a set of images: means over its images, for each condition and method."""
    for condition in conditions:
        for method in methods:
            some = [score for score in scores if (score.method, score.condition) == (method.name, condition)]
            yield _row(label, "", method, condition, mean(some))


def rows_of_images(label: str, scores: list[Score], methods: list[Method]) -> Iterator[Row]:
    """A row for each image of a set, method and condition."""
    named = {method.name: method for method in methods}
    for score in scores:
        if score.method in named:
            yield _row(label, score.image, named[score.method], score.condition, mean([score]))


def _row(label: str, image: str, method: Method, condition: Condition, values: Mean) -> Row:
    """A row of the table: the columns of the CSV file."""
    resolution = condition.resolution
    enlarged = {"factor": resolution.factor, "antialias": resolution.antialias} if resolution.factor > 1 else {}
    return {
        "method": method.name,
        "set": label,
        "image": image,
        **enlarged,
        "noise": condition.kind,
        "level": condition.level,
        "clipped": condition.clip,
        "noise_seed": condition.seed,
        "images": values.images,
        "psnr": round(values.psnr, 4),
        "ssim": round(values.ssim, 6),
        "seconds_per_megapixel": round(values.seconds_per_megapixel, 4),
        "parameters": method.parameters,
        "seed": method.seed,
        "strength": method.strengths.get(condition),
    }


def as_csv(rows: list[Row]) -> str:
    """The rows as a CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, files.columns(rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def markdown(rows: Sequence[Row], texts: dict[float, str]) -> Iterator[str]:
    """The lines of a Markdown table.

    Args:
      rows: at least one row, see `_row`.
      texts: level -> how it is written.
    """
    lines = [_cells(row, texts) for row in rows]
    yield "| " + " | ".join(lines[0]) + " |"
    yield "|" + "---|" * len(lines[0])
    for line in lines:
        yield "| " + " | ".join(value.replace("|", "\\|") for value in line.values()) + " |"


def _cells(row: Row, texts: dict[float, str]) -> dict[str, str]:
    """Heading of each column -> what it says of a row."""
    enlarged = "factor" in row
    cells = {"images": row["set"]}
    if enlarged:
        cells["enlarged"] = f"x{row['factor']}"
    # Images that are enlarged have no noise unless it is asked for.
    if not enlarged or any(texts):
        cells |= {f"{row['noise']} noise": texts[row["level"]], "clipped": "yes" if row["clipped"] else "no"}
    return cells | {
        "method": row["method"],
        "PSNR, dB": f"{row['psnr']:.2f}",
        "SSIM": f"{row['ssim']:.4f}",
        "number": str(row["images"]),
        "s per megapixel": "" if row["method"] == NOISY else f"{row['seconds_per_megapixel']:.3g}",
        "parameters": "" if row["parameters"] is None else f"{row['parameters']:,}",
        "seed": "" if row["seed"] is None else str(row["seed"]),
    }
