"""Exports a finished run as a folder that others can load, after a check that it restores as the run does."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

import aeden
from aeden import shipped
from aeden.inference import exported
from aeden.inference.exported import CARD, FILES, ONNX, PROGRAM, SETTINGS, WEIGHTS
from aeden.inference.finished_run import FinishedRun, read_run
from aeden.inference.jax_program import check_program, load_program, make_program
from aeden.inference.model_card import model_card, plain
from aeden.inference.onnx_program import can_run_onnx, check_onnx, load_onnx, make_onnx
from aeden.inference.restorer import Restorer
from aeden.inference.trained_network import MODEL_DEFAULTS
from aeden.nn.parameters import count_parameters
from aeden.nn.restore import is_linear
from aeden.nn.super_resolution import SuperResolver
from aeden.runtime import files
from aeden.runtime.new_folder import new_folder

FORMATS = ("safetensors", "jax", "onnx")
# Task -> what `format` in config.json is.
FORMAT_OF = {task: name for name, task in exported.FORMATS.items()}
# Largest difference of an export from its run, for pixels in [0, 1]: of float32 parameters; of float16 ones, one
# gray level of 255; and of a program whose run computes in bfloat16, where another order of sums is another result.
TOLERANCE, HALF_TOLERANCE, BFLOAT16_TOLERANCE = 1e-5, 1 / 255, 2e-2
# Fields of a config that name places on the machine of whoever trained.
PRIVATE = {"data": ("dir", "photos"), "stack": ("pretrained",)}


@dataclasses.dataclass(frozen=True)
class Options:
    """What an export is to be.

    Attributes:
      format: one of `FORMATS`; "jax" adds model.jax, "onnx" adds model.onnx.
      half: whether the parameters are kept as float16.
      license: of the parameters, as an identifier of SPDX or Hugging Face; "" if not known.
      purpose: what the model is for, in one line; "" for what the run says.
      made_by: the command that makes it again; "" if not known.
      force: whether an earlier export may be replaced.
    """

    format: str = "safetensors"
    half: bool = False
    license: str = ""
    purpose: str = ""
    made_by: str = ""
    force: bool = False


@dataclasses.dataclass(frozen=True)
class Export:
    """What was exported.

    Attributes:
      sizes: name of each file -> bytes.
      difference: largest difference of a restored pixel from that of the run, in [0, 1].
      tolerance: what was allowed.
      unchecked: the file that could not be compared with the run, as what runs it is not installed; "" if none.
    """

    sizes: dict[str, int]
    difference: float
    tolerance: float
    unchecked: str = ""


def export_run(run_folder: str | Path, out: Path, options: Options) -> Export:
    """Exports a finished run of denoising or super-resolution.

    Args:
      run_folder: its folder, as it was named.
      out: the folder to write.
      options: of the export.

    Raises:
      ValueError: the run cannot be used, an option is invalid, `out` holds something else, or the export does not
        restore as the run does. `out` is then as it was.
      OSError: something cannot be read or written.
    """
    _check_options(options)
    check_target(out, options.force)
    _check_is_no_export(run_folder)
    run = read_run(Path(run_folder), ("denoise", "super_resolve"))
    if options.format == "jax":
        check_program(run.model)
    if options.format == "onnx":
        check_onnx(run.model)
    with new_folder(out, lambda path: check_target(path, options.force)) as folder:
        _write(folder, run, options, out.resolve().name)
        difference, tolerance = _check(folder, run, options)
        sizes = {name: (folder / name).stat().st_size for name in FILES if (folder / name).exists()}
    return Export(sizes, difference, tolerance, ONNX if options.format == "onnx" and not can_run_onnx() else "")


def _check_is_no_export(run_folder: str | Path) -> None:
    """Refuses a model that is exported already. `./text` is a folder, `text` a model that ships."""
    shipped_name = str(run_folder) in (*shipped.SHIPPED, *shipped.GROUPS)
    if shipped_name or exported.is_exported(Path(run_folder)):
        copied = f": its folders are in {shipped.FOLDER}" if shipped_name else ": copy the folder"
        raise ValueError(f"{run_folder} is exported already{copied}; another format takes the run it was made of")


def check_target(out: Path, force: bool) -> None:
    """Refuses a place that an export must not take.

    Raises:
      ValueError: it is a file, or a folder with something in it that is not an earlier export, or is one without
        `force`.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise ValueError(f"{out} is a file: name a folder")
    names = sorted(path.name for path in out.iterdir())
    if not names:
        return
    others = [name for name in names if name not in FILES or not (out / name).is_file()]
    if others or not exported.is_exported(out):
        named = ", ".join((others or names)[:3]) + ", ..." * (len(others or names) > 3)
        raise ValueError(f"{out} holds other files than those of an export ({named}): name a new folder")
    if not force:
        raise ValueError(f"{out} holds an export already: use --force to replace it, or name a new folder")


def describe(run: FinishedRun, restorer: Restorer, options: Options) -> dict[str, Any]:
    """config.json of an export, but for the hashes of the files: all that is needed to build and use the network.

    Args:
      run: the run.
      restorer: its restorer.
      options: of the export.
    """
    config, summary, enlarges = run.settings, run.summary, isinstance(run.model, SuperResolver)
    return {
        "format": FORMAT_OF["super_resolve" if enlarges else "denoise"],
        "format_version": exported.FORMAT_VERSION,
        "aeden_version": aeden.__version__,
        "model": {**MODEL_DEFAULTS, **config["model"]},
        **({"super_resolve": config["super_resolve"], "scale": restorer.scale} if enlarges else {}),
        "parameters": count_parameters(run.params),
        "dtype": "float16" if options.half else "float32",
        "channels": restorer.channels,
        "size": restorer.size,
        "stride": restorer.stride,
        "radius": restorer.radius,
        "padding": restorer.padding,
        "takes_level": restorer.takes_level,
        "linear_output": is_linear(run.model),
        "noise": restorer.noise,
        "purpose": options.purpose,
        "license": options.license or "unknown",
        "made_by": options.made_by,
        "dataset": {
            "name": plain(summary["dataset"]) if summary.get("dataset") else None,
            "sha256": summary.get("dataset_sha256"),
        },
        "seed": summary.get("seed"),
        "training": _without_places(config),
    }


def _without_places(settings: dict[str, Any]) -> dict[str, Any]:
    """A config without the places of files on the machine of whoever trained."""
    shared = copy.deepcopy(settings)
    for section, names in PRIVATE.items():
        for name in names:
            shared.get(section, {}).pop(name, None)
    if shared.get("data", {}).get("name"):
        shared["data"]["name"] = plain(shared["data"]["name"])
    return shared


def _write(folder: Path, run: FinishedRun, options: Options, name: str) -> None:
    """Writes the files of an export; `name` is the title of its card."""
    contents = {WEIGHTS: exported.weights(run.params, options.half)}
    if options.format == "jax":
        contents[PROGRAM] = make_program(run.model, run.params, options.half)
    if options.format == "onnx":
        contents[ONNX] = make_onnx(run.model, run.params, options.half)
    for file_name, content in contents.items():
        with files.new_file(folder / file_name) as file:
            file.write(content)
    settings = describe(run, run.restorer(str(run.folder)), options)
    settings["sha256"] = {each: hashlib.sha256(content).hexdigest() for each, content in contents.items()}
    files.write_json(folder / SETTINGS, settings)
    files.write_text(folder / CARD, model_card(settings, run.summary, name, options.format))


def _check(folder: Path, run: FinishedRun, options: Options) -> tuple[float, float]:
    """The largest difference of an export, read again from the disk, from its run; and what is allowed.

    Raises:
      ValueError: it is larger.
    """
    reference = run.restorer(str(run.folder))
    written = exported.load_exported(folder, task=exported.task_of(folder))
    loaded: list[tuple[str, Callable[..., Any]]] = [(WEIGHTS, written)]
    if options.format == "jax":
        loaded.append((PROGRAM, _per_image(load_program(_written(folder, PROGRAM)))))
    if options.format == "onnx" and can_run_onnx():
        loaded.append((ONNX, _per_image(load_onnx(_written(folder, ONNX)))))
    worst = allowed = 0.0
    for file_name, restore in loaded:
        tolerance = _tolerance(file_name, run, options)
        difference = _difference(reference, restore)
        if not difference <= tolerance:
            remedy = "export it without --half" if options.half else "take the run folder itself, and report this"
            raise ValueError(
                f"{file_name} restores other pixels than the run, by up to {difference:.2g} where {tolerance:.2g} is "
                f"allowed, so nothing was exported: {remedy}"
            )
        worst, allowed = max(worst, difference), max(allowed, tolerance)
    return worst, allowed


def _written(folder: Path, name: str) -> bytes:
    """The content of a file of an export, read again."""
    return exported.checked_file(folder, name, exported.read_settings(folder))


def _per_image(program: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """The function (images, level) -> restored images of a program that takes the level of each image, or none."""

    def compute(images: np.ndarray, level: float | None) -> np.ndarray:
        levels = () if level is None else (jnp.full(len(images), level, jnp.float32),)
        return np.asarray(program(jnp.asarray(images), *levels))

    return compute


def _tolerance(file_name: str, run: FinishedRun, options: Options) -> float:
    """How far the pixels of an exported file may be from those of the run."""
    if file_name in (PROGRAM, ONNX) and run.settings["model"].get("dtype") == "bfloat16":
        return BFLOAT16_TOLERANCE
    return HALF_TOLERANCE if options.half else TOLERANCE


def _difference(reference: Restorer, restore: Callable[..., Any]) -> float:
    """The largest difference between two restorers, for images of two sizes; NaN if one gives it."""
    stride, random, worst = reference.stride, np.random.default_rng(0), 0.0
    # One size is no multiple of the stride; in the other, most pixels are far from the border.
    side = 8 * stride if stride > 1 else max(8, 4 * reference.radius)
    sizes = [reference.size] if reference.size else [(2 * stride + 3, 3 * stride + 1), (side, side + stride)]
    level = float(reference.noise.get("level") or 0.1) if reference.takes_level else None
    for height, width in sizes:
        images = random.uniform(size=(2, height, width, reference.channels)).astype(np.float32)
        worst = float(np.maximum(worst, np.abs(reference(images, level) - restore(images, level)).max()))
    return worst


def _check_options(options: Options) -> None:
    if options.format not in FORMATS:
        raise ValueError(f"unknown format {options.format!r}: use one of {', '.join(FORMATS)}")
    if options.license and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+-]*", options.license):
        raise ValueError(f"--license {options.license!r} is no identifier of a license: use one like apache-2.0")
