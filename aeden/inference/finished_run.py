"""A trained model, ready to restore or enlarge images: of a finished run, an exported folder or one that ships."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aeden import shipped
from aeden.inference.exported import is_exported, load_exported
from aeden.inference.restorer import Restorer
from aeden.inference.trained_network import (
    MODEL_DEFAULTS,
    build_enlarger,
    build_network,
    make_restorer,
    radius_of,
    recorded_noise,
)
from aeden.nn.unet import Network
from aeden.runtime import files, run_folder
from aeden.shapes import PyTree
from aeden.training.checkpoints import newest_params

__all__ = [
    "MODEL_DEFAULTS",
    "FinishedRun",
    "Restorer",
    "load_enlarger",
    "load_model",
    "load_restorer",
    "load_restorers",
    "load_run",
    "make_restorer",
    "radius_of",
    "read_run",
]

# Task -> the command that uses its finished runs.
COMMANDS = {"denoise": "aeden denoise", "super_resolve": "aeden enlarge"}
# Task -> what such a command takes.
NAMES = {
    "denoise": "the folder of a finished denoising run, such as runs/transpose_mnist, an exported folder, or a model "
    "that `aeden models` lists",
    "super_resolve": "the folder of a finished run of super-resolution, such as runs/super_resolve_photos",
}


@dataclasses.dataclass(frozen=True, eq=False)
class FinishedRun:
    """A finished denoising run.

    Attributes:
      folder: the run folder.
      model: its network.
      params: the parameters that it tested, as NumPy arrays.
      settings: its config, as nested dicts.
      summary: its summary.json.
    """

    folder: Path
    model: Network
    params: PyTree
    settings: dict[str, Any]
    summary: dict[str, Any]


def load_restorer(name: str) -> Restorer:
    """A restorer by its name: a model that ships with aeden, an exported folder, or the folder of a finished run.

    The name of a model that ships always means this model, whatever the working directory holds: there a folder
    `photos` is likely to hold photos. `./photos` means the folder.

    Raises:
      ValueError, OSError: see `load_run` and `aeden.inference.exported.load_exported`.
    """
    _check_named(name)
    if name in shipped.GROUPS:
        raise ValueError(f"{name} means several models: name one of {', '.join(shipped.members([name]))}")
    if name in shipped.SHIPPED:
        return load_exported(shipped.FOLDER / name, name)
    folder = Path(name)
    return load_exported(folder) if is_exported(folder) else load_run(folder)


def load_restorers(name: str) -> Callable[[int], Restorer]:
    """The restorer of each kind of image: (channels of an image, 1 or 3) -> the one that restores it.

    Args:
      name: as for `load_restorer`, or that of a group of models that ship (`shipped.GROUPS`), which has one for gray
        and one for colour images. These are loaded when they are needed.

    Raises:
      ValueError, OSError: see `load_restorer`.
    """
    if name in shipped.GROUPS:
        return functools.cache(lambda channels: load_restorer(shipped.GROUPS[name][channels]))
    restorer = load_restorer(name)
    return lambda channels: restorer


def load_run(folder: Path) -> Restorer:
    """The restorer of a finished denoising run.

    Raises:
      ValueError, OSError: see `read_run`.
    """
    run = read_run(folder)
    return make_restorer(
        run.model, run.params, str(folder), recorded_noise(folder, run.settings["noise"]), run.settings.get("seed")
    )


def load_enlarger(name: str) -> Restorer:
    """A restorer whose results are larger than its images, of a finished run of super-resolution.

    Args:
      name: the folder of the run.

    Raises:
      ValueError, OSError: as of `read_run`.
    """
    _check_named(name)
    if name in shipped.SHIPPED or name in shipped.GROUPS:
        raise ValueError(f"{name} is a model that cleans images, with `aeden denoise`: name {NAMES['super_resolve']}")
    folder = Path(name)
    summary, settings = _read_record(folder, "super_resolve")
    params = _tested_params(folder, summary)
    tested = summary.get("super_resolve")
    if tested is not None and tested != settings["super_resolve"]:
        raise ValueError(f"{folder}: super_resolve is not the same in config.json and summary.json: take another run")
    model = build_enlarger(folder, settings, params)
    enlarger = make_restorer(model, params, name, recorded_noise(folder, settings["noise"]), settings.get("seed"))
    return dataclasses.replace(enlarger, antialias=settings["super_resolve"]["antialias"])


def load_model(name: str) -> Restorer:
    """What `load_enlarger` loads if the name is that of a run of super-resolution, or else `load_restorer`.

    Raises:
      ValueError, OSError: as of these.
    """
    _check_named(name)
    if name in shipped.SHIPPED or name in shipped.GROUPS:
        return load_restorer(name)
    folder = Path(name)
    if not folder.is_dir():
        raise ValueError(_no_folder(folder, "the folder of a finished run of denoising or super-resolution"))
    return load_enlarger(name) if _recorded_task(folder) == "super_resolve" else load_restorer(name)


def _recorded_task(folder: Path) -> object:
    """The task of the finished run in a folder; None if there is none, or its record is damaged."""
    try:
        summary, config = run_folder.finished(folder), run_folder.recorded_config(folder)
    except (files.DamagedFileError, OSError):
        return None
    return _task(summary, config) if summary and config else None


def _task(summary: dict[str, Any], settings: dict[str, Any]) -> object:
    """The task of a run; it is not in the summaries of early versions."""
    return summary.get("task", settings.get("task"))


def _no_folder(folder: Path, wanted: str) -> str:
    return f"{folder} {'is a file' if folder.exists() else 'does not exist'}: name {wanted}"


def read_run(folder: Path) -> FinishedRun:
    """A finished denoising run, with the checkpoint that it tested, last or best as its config says.

    Raises:
      ValueError: the folder holds no finished denoising run, or its record or checkpoint is damaged.
      OSError: the folder cannot be read.
    """
    summary, settings = _read_record(folder, "denoise")
    params = _tested_params(folder, summary)
    model = build_network(folder, settings["model"], params)
    return FinishedRun(folder, model, params, settings, summary)


def _check_named(name: str) -> None:
    """Refuses an empty name, which would mean the working directory."""
    if not name:
        raise ValueError("the run has an empty name: name its folder")


def _tested_params(folder: Path, summary: dict[str, Any]) -> PyTree:
    """The parameters of the checkpoint that a run tested.

    Raises:
      ValueError: they are missing or damaged.
      OSError: they cannot be read.
    """
    tested = summary.get("tested_step")
    if tested is not None and type(tested) is not int:
        raise ValueError(f"{folder}/summary.json is damaged: take another run")
    step, params = newest_params(folder / "checkpoints", tested)
    if tested not in (None, step):
        raise ValueError(
            f"{folder}: checkpoint {tested}, the result of this run, is missing or damaged: train "
            "again into another --workdir"
        )
    return params


def _read_record(folder: Path, wanted: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The summary and the config of a finished run of a task, one of `COMMANDS`.

    Raises:
      ValueError: there is none.
    """
    if not folder.is_dir():
        raise ValueError(_no_folder(folder, NAMES[wanted]))
    try:
        summary, config = run_folder.finished(folder), run_folder.recorded_config(folder)
    except files.DamagedFileError as error:
        raise ValueError(re.split(r" \(|: ", str(error))[0] + ": take another run") from error
    if config is None:
        raise ValueError(f"{folder} holds no run (there is no config.json): name the folder of a finished run")
    if summary is None:
        raise ValueError(
            f"the run in {folder} is not finished (there is no summary.json): go on with it by its command, with "
            f"--workdir={folder}"
        )
    task = _task(summary, config)
    if task != wanted:
        other = f"; `{COMMANDS[task]}` is for this one" if isinstance(task, str) and task in COMMANDS else ""
        raise ValueError(f"{folder} holds a run of the task {task}: take one of the task {wanted}{other}")
    sections = ("model", "noise", *(("super_resolve",) if wanted == "super_resolve" else ()))
    if not all(isinstance(config.get(section), dict) for section in sections):
        raise ValueError(f"{folder}/config.json is damaged: take another run")
    return summary, config
