"""Evaluates runs and classical methods on the images of a command line, and writes the table."""

from __future__ import annotations

import argparse
import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from aeden.cli.compiled_programs import keep_programs
from aeden.cli.evaluated_run import run_method
from aeden.cli.inputs import STANDARD, Input, find_inputs
from aeden.cli.messages import Messages, one_line
from aeden.data.image_files import ImageError, decode_image
from aeden.inference.classical_photos import CLASSICAL
from aeden.inference.evaluation import (
    NOISY,
    Condition,
    Evaluation,
    Mean,
    Method,
    Score,
    classical_method,
    mean,
    noisy_method,
)
from aeden.runtime import files
from aeden.runtime.files import Row
from aeden.transforms.noise import check_noise

# The first images that are given to tune the classical methods on.
TUNED_ON = 5
# The set of images that are named one by one.
SINGLE = "images"


def evaluate(arguments: argparse.Namespace) -> int:
    """`aeden evaluate`, see its help; returns the exit status.

    Raises:
      ValueError: an option is out of range, there is no image, or a run cannot be used.
      OSError: a run cannot be read, or the table cannot be written.
    """
    check_noise(arguments.noise, tuple(level.value for level in arguments.levels))
    clips = (False, True) if arguments.clip is None else (arguments.clip,)
    texts = {level.value: level.text for level in arguments.levels}
    conditions = [Condition(arguments.noise, level, clip, arguments.seed) for level in texts for clip in clips]
    output = _output(arguments.output, arguments.force)
    keep_programs()
    messages = Messages(True, 0)
    reader = Reader(messages)
    sets = reader.sets(arguments.images, arguments.limit)
    _check_spared(output, sets)
    methods = [noisy_method()]
    for run in dict.fromkeys(arguments.runs):
        # A folder may be called as a method is.
        name = f"./{run}" if run in (NOISY, *CLASSICAL) else run
        methods.append(run_method(name, run, arguments.noise, arguments.tile))
    if arguments.classical:
        methods += _classical(_tuned_on(arguments.tune, sets, reader), conditions, messages)
    scores, failed = _scores(sets, methods, conditions, reader)
    for name, error in failed.items():
        messages.error(f"error: {name}: {one_line(error)}; it is left out")
    if not scores:
        messages.error("error: no image could be evaluated")
        return 1
    kept = [method for method in methods if method.name not in failed]
    rows = [row for name, some in scores.items() for row in _rows(name, some, kept, conditions)]
    for line in markdown(rows, texts):
        messages.result(line)
    if output is not None:
        if arguments.per_image:
            rows += [row for name, some in scores.items() for row in _image_rows(name, some, kept)]
        with files.new_file(output, arguments.force) as file:
            file.write(_csv(rows).encode())
    return 1 if failed or reader.failed else 0


def _output(name: str | None, force: bool) -> Path | None:
    """The file of the table, refused before anything is computed.

    Raises:
      FileExistsError: it exists.
      ValueError: it cannot be written.
    """
    if name is None:
        return None
    path = Path(name)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a file, as in -o {path / 'table.csv'}")
    if os.path.lexists(path) and not force:
        raise FileExistsError(f"{path}")
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent} is no folder: make it, or write the table elsewhere")
    return path


def _check_spared(output: Path | None, sets: dict[str, list[Input]]) -> None:
    """Refuses to replace an image that is to be evaluated by the table.

    Raises:
      ValueError: the table would.
    """
    images = [one for group in sets.values() for one in group if one.path]
    if output is not None and any(output.resolve() == one.path.resolve() for one in images if one.path):
        raise ValueError(f"{output} is an image to evaluate: write the table elsewhere")


class Reader:
    """Finds and reads images; what cannot be read is said in one line and counted.

    Attributes:
      failed: number of files that could not be read.
    """

    def __init__(self, messages: Messages):
        self.messages = messages
        self.failed = 0

    def sets(self, names: Sequence[str], limit: int | None) -> dict[str, list[Input]]:
        """Name of each set -> its images: those of a folder or pattern, and all that are named one by one.

        Raises:
          ValueError: there is no image.
        """
        if STANDARD in names:
            raise ValueError("standard input is not taken here: name files or folders")
        single = [name for name in names if Path(name).is_file()]
        groups = {name: [name] for name in names if name not in single}
        short = [Path(name).resolve().name for name in groups]
        # Folders of one name are told apart by their paths.
        labels = short if len(set(short)) == len(short) and SINGLE not in short else list(groups)
        named = dict(zip(labels, groups.values(), strict=True))
        found = {label: self._inputs(group) for label, group in (*named.items(), (SINGLE, single)) if group}
        kept = {label: inputs[:limit] for label, inputs in found.items() if inputs}
        if not kept:
            raise ValueError("there is no image to evaluate: name folders or files with --images")
        return kept

    def _inputs(self, names: Sequence[str]) -> list[Input]:
        found = find_inputs(names, None)
        for note in found.notes:
            self.messages.error(f"note: {note}")
        for problem in found.problems:
            self.messages.error(f"error: {problem}")
        self.failed += len(found.problems)
        return found.inputs

    def read(self, one: Input) -> np.ndarray | None:
        """An image, float32 [h, w, c] in [0, 1]; None if it cannot be read."""
        try:
            assert one.path is not None
            decoded = decode_image(one.path)
        except (ImageError, OSError) as error:
            self.messages.error(f"error: {one.name}: {one_line(error)}")
            self.failed += 1
            return None
        for note in decoded.notes:
            self.messages.error(f"note: {one.name}: {note}")
        return decoded.opaque().unit()


def _tuned_on(names: Sequence[str], sets: dict[str, list[Input]], reader: Reader) -> list[np.ndarray]:
    """The images to tune classical methods on.

    Raises:
      ValueError: there are none, although some are named, or they are among those that are evaluated.
    """
    if not names:
        return []
    inputs = [one for group in reader.sets(names, None).values() for one in group][:TUNED_ON]
    tested = {one.path.resolve() for group in sets.values() for one in group if one.path}
    for one in inputs:
        if one.path and one.path.resolve() in tested:
            raise ValueError(f"{one.name} is to be evaluated, so nothing may be tuned on it: name others with --tune")
    images = [image for one in inputs if (image := reader.read(one)) is not None]
    if not images:
        raise ValueError("no image of --tune can be read: name others")
    reader.messages.error(f"note: classical methods are tuned on {', '.join(one.name for one in inputs)}")
    return images


def _classical(tuned_on: list[np.ndarray], conditions: Sequence[Condition], messages: Messages) -> list[Method]:
    """The classical methods whose packages are installed.

    Raises:
      ValueError: the noise is not Gaussian.
    """
    methods = []
    with tqdm(total=len(CLASSICAL), desc="tuning", disable=not (tuned_on and messages.bars), leave=False) as bar:
        for name, denoiser in CLASSICAL.items():
            if absent := denoiser.absent():
                messages.error(f"note: {name} is left out: it needs the package {' and '.join(absent)}")
            else:
                methods.append(classical_method(name, tuned_on, conditions))
            bar.update()
    return methods


def _scores(
    sets: dict[str, list[Input]], methods: list[Method], conditions: list[Condition], reader: Reader
) -> tuple[dict[str, list[Score]], dict[str, Exception]]:
    """Set of images -> its scores; name of a method that failed -> its error."""
    scores: dict[str, list[Score]] = {}
    each = len(methods) * len(conditions)
    total = each * sum(map(len, sets.values()))
    with tqdm(total=total, unit="image", disable=not reader.messages.bars, leave=False) as bar:

        def begun(name: str) -> None:
            bar.set_postfix_str(name, refresh=False)
            bar.update()

        evaluation = Evaluation(methods, conditions, begun)
        for label, inputs in sets.items():
            for one in inputs:
                image = reader.read(one)
                if image is None:
                    bar.update(each)
                else:
                    name = one.name if label == SINGLE else one.relative.as_posix()
                    scores.setdefault(label, []).extend(evaluation.scores(name, image))
    return scores, evaluation.failed


def _rows(label: str, scores: list[Score], methods: list[Method], conditions: Sequence[Condition]) -> Iterator[Row]:
    """The rows of a set of images: means over its images."""
    for condition in conditions:
        for method in methods:
            some = [score for score in scores if (score.method, score.condition) == (method.name, condition)]
            yield _row(label, "", method, condition, mean(some))


def _image_rows(label: str, scores: list[Score], methods: list[Method]) -> Iterator[Row]:
    """A row for each image of a set, method and condition."""
    named = {method.name: method for method in methods}
    for score in scores:
        if score.method in named:
            yield _row(label, score.image, named[score.method], score.condition, mean([score]))


def _row(label: str, image: str, method: Method, condition: Condition, values: Mean) -> Row:
    """A row of the table: the columns of the CSV file."""
    return {
        "method": method.name,
        "set": label,
        "image": image,
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


def _csv(rows: list[Row]) -> str:
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
    kind = rows[0]["noise"]
    names = ("images", f"{kind} noise", "clipped", "method", "PSNR, dB", "SSIM", "number", "s per megapixel")
    yield "| " + " | ".join((*names, "parameters", "seed")) + " |"
    yield "|" + "---|" * (len(names) + 2)
    for row in rows:
        values = (
            row["set"],
            texts[row["level"]],
            "yes" if row["clipped"] else "no",
            row["method"],
            f"{row['psnr']:.2f}",
            f"{row['ssim']:.4f}",
            str(row["images"]),
            "" if row["method"] == NOISY else f"{row['seconds_per_megapixel']:.3g}",
            "" if row["parameters"] is None else f"{row['parameters']:,}",
            "" if row["seed"] is None else str(row["seed"]),
        )
        yield "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"
