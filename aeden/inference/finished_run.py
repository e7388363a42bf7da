"""A trained model, ready to restore or enlarge images: of a finished run, an exported folder or one that ships."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aeden import shipped
from aeden.inference.exported import DOES, is_exported, load_exported, task_of
from aeden.inference.restorer import Restorer
from aeden.inference.trained_network import (
    MODEL_DEFAULTS,
    build_enlarger,
    build_network,
    make_restorer,
    radius_of,
    restorer_of,
)
from aeden.nn.super_resolution import SuperResolver
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
# Tasks -> what a command for them takes.
EXPORTED = "an exported folder, or a model that `aeden models` lists"
NAMES = {
    ("denoise",): f"the folder of a finished denoising run, such as runs/transpose_mnist, {EXPORTED}",
    ("super_resolve",): "the folder of a finished run of super-resolution, such as runs/super_resolve_photos, or an "
    "exported folder",
    ("denoise", "super_resolve"): "the folder of a finished run of denoising or super-resolution, such as "
    "runs/transpose_mnist",
}


@dataclasses.dataclass(frozen=True, eq=False)
class FinishedRun:
    """A finished run of denoising or super-resolution.

    Attributes:
      folder: the run folder.
      model: its network.
      params: the parameters that it tested, as NumPy arrays.
      settings: its config, as nested dicts.
      summary: its summary.json.
    """

    folder: Path
    model: Network | SuperResolver
    params: PyTree
    settings: dict[str, Any]
    summary: dict[str, Any]

    def restorer(self, name: str) -> Restorer:
        """Its restorer.

        Args:
          name: what it is called in messages.

        Raises:
          ValueError: the noise in its config cannot be used.
        """
        return restorer_of(self.folder, self.model, self.params, self.settings, name)


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
    return read_run(folder).restorer(str(folder))


def load_enlarger(name: str) -> Restorer:
    """A restorer whose results are larger than its images: of a finished run of super-resolution, or exported.

    Args:
      name: the folder.

    Raises:
      ValueError, OSError: see `read_run` and `aeden.inference.exported.load_exported`.
    """
    _check_named(name)
    if name in shipped.SHIPPED or name in shipped.GROUPS:
        raise ValueError(f"{name} is a model that {DOES['denoise']}: name {NAMES[('super_resolve',)]}")
    folder = Path(name)
    if is_exported(folder):
        return load_exported(folder, task="super_resolve")
    return read_run(folder, ("super_resolve",)).restorer(name)


def load_model(name: str) -> Restorer:
    """A restorer, or a model that enlarges images, by its name: what `load_restorer` or `load_enlarger` loads.

    Raises:
      ValueError, OSError: as of these.
    """
    _check_named(name)
    if name in shipped.SHIPPED or name in shipped.GROUPS:
        return load_restorer(name)
    folder = Path(name)
    if not folder.is_dir():
        raise ValueError(_no_folder(folder, f"{NAMES['denoise', 'super_resolve']}, {EXPORTED}"))
    if is_exported(folder):
        return load_exported(folder, task=task_of(folder))
    return read_run(folder, ("denoise", "super_resolve")).restorer(name)


def _task(summary: dict[str, Any], settings: dict[str, Any]) -> object:
    """The task of a run; it is not in the summaries of early versions."""
    return summary.get("task", settings.get("task"))


def _no_folder(folder: Path, wanted: str) -> str:
    return f"{folder} {'is a file' if folder.exists() else 'does not exist'}: name {wanted}"


def read_run(folder: Path, tasks: tuple[str, ...] = ("denoise",)) -> FinishedRun:
    """A finished run, with the checkpoint that it tested, last or best as its config says.

    Args:
      folder: its folder.
      tasks: what it may have been trained for, one of `NAMES`.

    Raises:
      ValueError: the folder holds no finished run of these tasks, or its record or checkpoint is damaged.
      OSError: the folder cannot be read.
    """
    summary, settings = _read_record(folder, tasks)
    params = _tested_params(folder, summary)
    if _task(summary, settings) == "denoise":
        return FinishedRun(folder, build_network(folder, settings["model"], params), params, settings, summary)
    tested = summary.get("super_resolve")
    if tested is not None and tested != settings["super_resolve"]:
        raise ValueError(f"{folder}: super_resolve is not the same in config.json and summary.json: take another run")
    return FinishedRun(folder, build_enlarger(folder, settings, params), params, settings, summary)


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


def _read_record(folder: Path, wanted: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The summary and the config of a finished run of one of some tasks.

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
    if task not in wanted:
        other = f"; `{COMMANDS[task]}` is for this one" if isinstance(task, str) and task in COMMANDS else ""
        raise ValueError(f"{folder} holds a run of the task {task}: take one of the task {' or '.join(wanted)}{other}")
    sections = ("model", "noise", *(("super_resolve",) if task == "super_resolve" else ()))
    if not all(isinstance(config.get(section), dict) for section in sections):
        raise ValueError(f"{folder}/config.json is damaged: take another run")
    return summary, config
