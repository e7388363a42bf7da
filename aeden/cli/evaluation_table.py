"""The table of `aeden evaluate`, as rows, CSV and Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from aeden.inference.conditions import Condition
from aeden.inference.evaluation import NOISY, Mean, Method, Score, mean
from aeden.runtime import files
from aeden.runtime.files import Row

# The columns that describe the noise.
NOISE = ("noise", "level", "clipped", "noise_seed")


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
    """The rows as a CSV file; the columns of the noise only if there is some."""
    text = io.StringIO()
    names = [name for name in files.columns(rows) if name not in NOISE or _noisy(rows)]
    writer = csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def markdown(rows: Sequence[Row], texts: dict[float, str]) -> Iterator[str]:
    """The lines of a Markdown table.

    Args:
      rows: at least one row, see `_row`.
      texts: level -> how it is written.
    """
    lines = [_cells(row, texts, _noisy(rows)) for row in rows]
    yield "| " + " | ".join(lines[0]) + " |"
    yield "|" + "---|" * len(lines[0])
    for line in lines:
        yield "| " + " | ".join(value.replace("|", "\\|") for value in line.values()) + " |"


def _noisy(rows: Sequence[Row]) -> bool:
    """Whether the table is about noise: images that are enlarged have none unless it is asked for."""
    return any("factor" not in row or row["level"] for row in rows)


def _cells(row: Row, texts: dict[float, str], noisy: bool) -> dict[str, str]:
    """Heading of each column -> what it says of a row; the columns of the noise only if there is some."""
    cells = {"images": row["set"]}
    if "factor" in row:
        cells["enlarged"] = f"x{row['factor']}" + ("" if row["antialias"] else ", not anti-aliased")
    if noisy:
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
