"""An exported folder: a trained network in files that others can read, laid out as a model repository of Hugging Face.

    model.safetensors    the parameters, by the dotted names of their layers (Hugging Face's library `safetensors`)
    config.json          what is needed to build the network and to restore with it, and where it comes from
    README.md            the model card
    model.jax            with --format=jax: the network as a program, see `aeden.inference.jax_program`
    model.onnx           with --format=onnx: the network as a graph, see `aeden.inference.onnx_program`

config.json holds the sha256 of the files of parameters, so that a damaged or incomplete copy is refused.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from flax import traverse_util
from safetensors import SafetensorError
from safetensors import numpy as tensors

import aeden
from aeden.inference.restorer import Restorer
from aeden.inference.trained_network import build_enlarger, build_network, restorer_of
from aeden.runtime import files
from aeden.shapes import PyTree

SETTINGS, WEIGHTS, CARD, PROGRAM = "config.json", "model.safetensors", "README.md", "model.jax"
ONNX = "model.onnx"
FILES = (SETTINGS, WEIGHTS, CARD, PROGRAM, ONNX)
# What `format` in config.json is -> the task. The version grows when older code cannot read a folder any more.
FORMATS, FORMAT_VERSION = {"aeden-denoiser": "denoise", "aeden-enlarger": "super_resolve"}, 1
# Task -> what such a model does, and the command for it.
DOES = {"denoise": "cleans images, with `aeden denoise`", "super_resolve": "enlarges images, with `aeden enlarge`"}
# How the first bytes of a file begin that Git LFS has not fetched yet.
LFS_POINTER = b"version https://git-lfs"


def is_exported(folder: Path) -> bool:
    """Whether a folder holds an exported model, or what is left of one."""
    if (folder / WEIGHTS).is_file():
        return True
    try:
        settings = files.read_json(folder / SETTINGS)
    except (OSError, ValueError):
        return False
    return isinstance(settings, dict) and _task_of(settings) is not None


def load_exported(folder: Path, name: str | None = None, task: str = "denoise") -> Restorer:
    """The restorer of an exported folder.

    Args:
      folder: the folder.
      name: what it is called in messages; None for the folder.
      task: what it is to do, one of `DOES`.

    Raises:
      ValueError: a file is missing, damaged or of a newer format, or the model is for another task.
      OSError: the folder cannot be read.
    """
    settings = read_settings(folder)
    found = FORMATS[settings["format"]]
    if found != task:
        raise ValueError(
            f"{name or folder} is a model that {DOES[found]}: take one that {DOES[task].partition(',')[0]}"
        )
    params = read_weights(checked_file(folder, WEIGHTS, settings))
    if task == "denoise":
        network = build_network(folder, settings["model"], params)
        return restorer_of(folder, network, params, settings, name or str(folder))
    model, training = build_enlarger(folder, settings, params), settings.get("training")
    trained = training.get("super_resolve") if isinstance(training, dict) else None
    if model.scale != settings.get("scale") or trained != settings["super_resolve"]:
        raise ValueError(
            f"{folder}/{SETTINGS} is damaged, its parts do not say the same of super_resolve: copy or export the "
            "folder again"
        )
    return restorer_of(folder, model, params, settings, name or str(folder))


def task_of(folder: Path) -> str:
    """The task of the model of an exported folder.

    Raises:
      ValueError, OSError: see `read_settings`.
    """
    return FORMATS[read_settings(folder)["format"]]


def read_settings(folder: Path) -> dict[str, Any]:
    """config.json of an exported folder, see `aeden.inference.export.describe`.

    Raises:
      ValueError: it is missing, damaged or of a newer format.
      OSError: it cannot be read.
    """
    path = folder / SETTINGS
    if not path.is_file():
        raise ValueError(f"{folder}: {SETTINGS} is missing: copy or export the folder again")
    try:
        settings = files.read_json(path)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: copy or export the folder again") from error
    task = _task_of(settings) if isinstance(settings, dict) else None
    if task is None:
        raise ValueError(f"{path} is not that of a model exported by aeden: take another folder")
    version = settings.get("format_version")
    if type(version) is int and version > FORMAT_VERSION:
        raise ValueError(
            f"{folder} was exported by aeden {settings.get('aeden_version')}, in a format that this version, "
            f"{aeden.__version__}, does not know yet: install a newer aeden"
        )
    sections = ["model", "noise", "sha256"] + ["super_resolve"] * (task == "super_resolve")
    if type(version) is not int or not all(isinstance(settings.get(section), dict) for section in sections):
        raise ValueError(f"{path} is damaged: copy or export the folder again")
    return settings


def _task_of(settings: dict[str, Any]) -> str | None:
    """The task of the model that a config.json describes; None if it is not that of an exported one."""
    found = settings.get("format")
    return FORMATS.get(found) if isinstance(found, str) else None


def checked_file(folder: Path, name: str, settings: dict[str, Any]) -> bytes:
    """The content of a file of an exported folder, which is as its config.json says.

    Raises:
      ValueError: it is missing or damaged.
      OSError: it cannot be read.
    """
    path = folder / name
    if not path.is_file():
        raise ValueError(f"{folder}: {name} is missing: copy or export the folder again")
    content = path.read_bytes()
    if content.startswith(LFS_POINTER):
        raise ValueError(f"{path} holds no parameters yet, but a pointer of Git LFS: run git lfs pull")
    if hashlib.sha256(content).hexdigest() != settings["sha256"].get(name):
        raise ValueError(
            f"{path} is damaged (its sha256 is not the one in {SETTINGS}): copy or export the folder again"
        )
    return content


def weights(params: PyTree, half: bool) -> bytes:
    """Parameters as the content of a safetensors file: dotted names, float32, or float16 if `half`."""
    kind = np.float16 if half else np.float32
    # Values too large for float16 become infinite, which the check of the export finds.
    with np.errstate(over="ignore"):
        flat = {name: np.ascontiguousarray(leaf, kind) for name, leaf in _flat(params).items()}
    content: bytes = tensors.save(flat, {"format": "flax", "made_with": f"aeden {aeden.__version__}"})
    return content


def read_weights(content: bytes) -> PyTree:
    """Parameters of a safetensors file, float32.

    Raises:
      ValueError: it is damaged.
    """
    try:
        flat = tensors.load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ValueError(f"{WEIGHTS} is damaged ({error}): copy or export the folder again") from error
    return traverse_util.unflatten_dict({name: leaf.astype(np.float32) for name, leaf in flat.items()}, sep=".")


def _flat(params: PyTree) -> dict[str, np.ndarray]:
    flat: dict[str, np.ndarray] = traverse_util.flatten_dict(params, sep=".")
    return flat
