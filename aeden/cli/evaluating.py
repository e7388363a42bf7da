"""Evaluates runs and classical methods on the images of a command line, and writes the table."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from aeden import shipped
from aeden.cli.argument_types import Level
from aeden.cli.compiled_programs import keep_programs
from aeden.cli.evaluated_images import SINGLE, Reader, tuned_on
from aeden.cli.evaluated_run import common_resolution, run_method
from aeden.cli.evaluation_table import as_csv, markdown, rows_of, rows_of_images
from aeden.cli.inputs import Input
from aeden.cli.messages import Messages, one_line
from aeden.inference.classical_photos import CLASSICAL
from aeden.inference.conditions import Condition, Resolution
from aeden.inference.evaluation import (
    NOISY,
    Evaluation,
    Method,
    Score,
    classical_method,
    interpolation_method,
    noisy_method,
)
from aeden.inference.noise_level import highest_level
from aeden.nn.resize import INTERPOLATIONS
from aeden.runtime import files
from aeden.transforms.noise import check_noise

# If none is given: for restoring and for enlarging.
LEVELS = [Level(f"{level}/255", level / 255) for level in (15, 25, 50)]
NO_NOISE = [Level("0", 0.0)]


def evaluate(arguments: argparse.Namespace) -> int:
    """`aeden evaluate`, see its help; returns the exit status.

    Raises:
      ValueError: an option is out of range, there is no image, or a run cannot be used.
      OSError: a run cannot be read, or the table cannot be written.
    """
    for level in arguments.levels or (NO_NOISE[0],):
        check_noise(_noise_kind(arguments), {"--level:": level.value})
    output = _output(arguments.output, arguments.force)
    keep_programs()
    messages = Messages(True, 0)
    reader = Reader(messages)
    sets = reader.sets(arguments.images, arguments.limit)
    _check_spared(output, sets)
    runs = _runs(arguments)
    resolution = common_resolution(runs)
    if resolution.factor > 1:
        _check_enlarging(arguments, runs, messages)
    levels = arguments.levels or (NO_NOISE if resolution.factor > 1 else LEVELS)
    texts = {level.value: level.text for level in levels}
    conditions = _conditions(arguments, list(texts), resolution)
    others = [interpolation_method(name) for name in INTERPOLATIONS] if resolution.factor > 1 else [noisy_method()]
    classical = _classical(tuned_on(arguments.tune, sets, reader), conditions, messages) if arguments.classical else []
    methods = [*others, *runs, *classical]
    scores, failed = _scores(sets, methods, conditions, reader)
    for name, error in failed.items():
        messages.error(f"error: {name}: {one_line(error)}; it is left out")
    if not scores:
        messages.error("error: no image could be evaluated")
        return 1
    kept = [method for method in methods if method.name not in failed]
    rows = [row for name, some in scores.items() for row in rows_of(name, some, kept, conditions)]
    for line in markdown(rows, texts):
        messages.result(line)
    if output is not None:
        if arguments.per_image:
            rows += [row for name, some in scores.items() for row in rows_of_images(name, some, kept)]
        with files.new_file(output, arguments.force) as file:
            file.write(as_csv(rows).encode())
    return 1 if failed or reader.failed else 0


def _runs(arguments: argparse.Namespace) -> list[Method]:
    """The runs that are named, each once.

    Raises:
      ValueError, OSError: see `run_method`.
    """
    known, taken = (*shipped.SHIPPED, *shipped.GROUPS), (NOISY, *CLASSICAL, *INTERPOLATIONS)
    # The same folder may be named in several ways, and be called as a method is.
    runs: dict[str, str] = {}
    for run in arguments.runs:
        runs.setdefault(run if run in known else str(Path(run).resolve()), run)
    named = [(f"./{run}" if run in taken else run, run) for run in runs.values()]
    return [run_method(name, run, _noise_kind(arguments), arguments.tile) for name, run in named]


def _check_enlarging(arguments: argparse.Namespace, runs: Sequence[Method], messages: Messages) -> None:
    """Refuses options that have no effect for runs of super-resolution; a note on noise that they were trained with.

    Raises:
      ValueError: such an option is given.
    """
    if arguments.classical:
        raise ValueError("the classical methods remove noise, they do not enlarge: leave out --classical")
    if arguments.levels:
        return
    options = {"--noise": arguments.noise, "--seed": arguments.seed, "--clip or --no-clip": arguments.clip}
    for option, value in options.items():
        if value is not None:
            raise ValueError(f"{option} is for noise, of which there is none here: give --level too, or leave it out")
    for run in runs:
        if highest := highest_level(run.noise):
            messages.error(
                f"note: {run.name} was trained with {run.noise['kind']} noise, of a level up to {highest:g}, and is "
                f"measured without: --level {highest:g} adds noise"
            )


def _noise_kind(arguments: argparse.Namespace) -> str:
    """The kind of noise that is asked for."""
    return arguments.noise or "gaussian"


def _conditions(arguments: argparse.Namespace, levels: Sequence[float], resolution: Resolution) -> list[Condition]:
    """How images are made worse: at each level, with noise that is clipped, or not, or both."""
    noisy = resolution.factor == 1 or any(levels)
    both = (False, True) if noisy else (True,)
    clips = both if arguments.clip is None else (arguments.clip,)
    kind, seed = _noise_kind(arguments), arguments.seed or 0
    return [Condition(kind, level, clip, seed, resolution) for level in levels for clip in clips]


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
                image = reader.read(one, conditions[0].resolution.factor)
                if image is None:
                    bar.update(each)
                else:
                    name = one.name if label == SINGLE else one.relative.as_posix()
                    scores.setdefault(label, []).extend(evaluation.scores(name, image))
    return scores, evaluation.failed
