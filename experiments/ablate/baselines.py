"""Baselines of a grid: methods that need no training, on the images that its networks are tested on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aeden.data.dataset import Dataset
from aeden.inference import classical, posterior_mean
from aeden.measures import image_quality
from aeden.measures.holes import PSNR_INSIDE, PSNR_OUTSIDE, hole_figures, hole_sums
from aeden.random_keys import Stream
from aeden.runtime import files
from aeden.runtime.files import Row
from aeden.tasks.from_config import build_noise
from aeden.tasks.objectives import restoration, samples
from aeden.tasks.objectives.noisy_images import FixedNoise
from aeden.training.evaluation import in_batches
from aeden.transforms import Transform
from aeden.transforms.noise import HOLES, hole_of
from experiments.ablate.grid import Cell, dataset_of, place

# Cap on the images of the prior: the likelihoods of more need more memory than a laptop has.
PRIOR = 60_000
NOISY, POSTERIOR = "noisy input", "posterior mean"
# Unlike the networks, it is told which pixels are missing.
FILLED = "biharmonic, told the holes"
FIGURES = ("psnr", "ssim", PSNR_INSIDE.name, PSNR_OUTSIDE.name)
TUNED_ON = classical.TUNED_ON


@dataclasses.dataclass(frozen=True)
class Baselines:
    """Results of methods that need no training on the test images of a grid.

    Attributes:
      rows: one row per method, setting and noise level, with `method`, the setting, `level`, `psnr` (dB), `ssim`,
        `psnr_inside` and `psnr_outside` (dB) if the noise leaves holes, and `strength`.
      shown: method -> the restored images that runs show, at the first setting: [n, h, w, c].
    """

    rows: list[Row]
    shown: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class NoisyData:
    """A data set and the noise that corrupts it.

    Attributes:
      dataset: the data.
      limits: `data.limit` and `data.train_limit`.
      noise: the noise as a transform.
      noise_fields: the `noise` section of the config.
      seed: seed of the noise.
    """

    dataset: Dataset
    limits: tuple[int, int]
    noise: Transform
    noise_fields: dict[str, Any]
    seed: int


def compare_grid(cells: Sequence[Cell], folder: Path, say: Callable[[str], None]) -> Baselines:
    """`compare` for the first run of every setting, at its own noise level and at the levels that it is tested at.

    Args:
      cells: the runs of a grid of denoising runs.
      folder: keeps the results.
      say: called with a message before each level.
    """
    rows: list[Row] = []
    shown: dict[str, np.ndarray] = {}
    first: dict[str, Cell] = {}
    for cell in cells:
        first.setdefault(cell.place, cell)
    for cell in first.values():
        for level in dict.fromkeys((cell.level, *map(float, cell.config.eval.levels))):
            where = place({**cell.setting, "noise.level": level})
            say(f"comparing with baselines on the same noisy images, {where} ...")
            found, images = compare(noisy_data(cell, level), folder)
            rows += [{"method": row["method"], **cell.setting, "level": level, **row} for row in found]
            shown = shown or images
    return Baselines(rows, shown)


def noisy_data(cell: Cell, level: float | str) -> NoisyData:
    """The data and the noise of a run, at its own level or at another one."""
    config = cell.config.copy_and_resolve_references()
    if level != cell.level:
        config.noise.level, config.noise.level_max = level, 0.0
    limits = config.data.limit, config.data.train_limit
    return NoisyData(dataset_of(config), limits, build_noise(config), config.noise.to_dict(), config.seed)


def best_by_level(rows: Sequence[Row], metric: str, higher_is_better: bool) -> dict[float, float]:
    """The value of the best classical method at each noise level."""
    best: dict[float, float] = {}
    for row in rows:
        if row["method"] not in (NOISY, POSTERIOR):
            value = row[metric]
            best[row["level"]] = (max if higher_is_better else min)(best.get(row["level"], value), value)
    return best


def compare(data: NoisyData, folder: Path) -> tuple[list[Row], dict[str, np.ndarray]]:
    """Every baseline on the test images that a run restores, with the noise of that run.

    Args:
      data: the images and their noise.
      folder: keeps the results, named by a hash of what they depend on, for the next time.

    Returns:
      One row per method: `method`, figures over the test split as in `Baselines`, and the `strength` that was chosen on
      validation images; and method -> the restored images that runs show, [n, h, w, c]. Methods whose package is
      missing are left out, and so are the posterior mean if the noise is not Gaussian, and the filling of holes if it
      leaves none.
    """
    packages = [name for name in classical.DENOISERS if classical.present(name)]
    if data.noise_fields["kind"] in HOLES and classical.fills_holes():
        packages.append(FILLED)
    key = json.dumps([data.dataset.sha256, *data.limits, data.noise_fields, data.seed, packages], sort_keys=True)
    path = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
    if path.with_suffix(".json").exists() and path.with_suffix(".npz").exists():
        with np.load(path.with_suffix(".npz")) as shown:
            rows = files.read_json(path.with_suffix(".json"))["rows"]
            # JSON has null for a PSNR that is infinite. A strength of null is none.
            missing = [{name: math.nan for name in FIGURES if row.get(name, 0.0) is None} for row in rows]
            return [{**row, **nan} for row, nan in zip(rows, missing, strict=True)], dict(shown)
    rows, shown = _measure(data)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(path.with_suffix(".npz"), **shown)  # type: ignore[arg-type]
    record = {"rows": rows, "noise": data.noise_fields, "dataset": data.dataset.identity()}
    files.write_json(path.with_suffix(".json"), record)
    return rows, shown


def _measure(data: NoisyData) -> tuple[list[Row], dict[str, np.ndarray]]:
    """The rows and the shown images of `compare`."""
    dataset, noise = data.dataset, data.noise_fields
    clean, noisy = restoration.corrupt_split(_fixed(data, Stream.TEST), dataset.test)
    few = dataset.validation.first(classical.TUNED_ON)
    validation = restoration.corrupt_split(_fixed(data, Stream.VALIDATION), few)
    index = samples.shown(len(clean))
    holes = _holes(data) if noise["kind"] in HOLES else None
    rows: list[Row] = []
    shown: dict[str, np.ndarray] = {}

    def add(name: str, images: np.ndarray, strength: float | None = None) -> None:
        rows.append({"method": name, **_figures(images.astype(np.float32), clean, holes), "strength": strength})
        shown[name] = images[index]

    add(NOISY, noisy)
    for restored in classical.restore(validation, noisy):
        add(restored.name, restored.images, restored.strength)
    if holes is not None and classical.fills_holes():
        add(FILLED, classical.fill_holes(noisy, holes))
    if noise["kind"] == "gaussian" and noise["level"] > 0 and not noise["level_max"] > noise["level"]:
        prior = np.asarray(dataset.train.first(PRIOR).images, np.float32) / 255.0
        add(POSTERIOR, posterior_mean.posterior_mean(noisy, prior, noise["level"], noise["clip"]))
    return rows, shown


def _fixed(data: NoisyData, stream: Stream) -> FixedNoise:
    return restoration.fixed_noise(data.noise, data.seed, stream)


def _holes(data: NoisyData) -> np.ndarray:
    """What the noise leaves out of the test images: bool [n, h, w, 1]."""
    images = data.dataset.test.images
    hole = jax.jit(lambda noise, index, some: hole_of(noise, index, jnp.zeros(some.shape, jnp.float32)))
    index, noise = np.arange(len(images), dtype=np.int32), _fixed(data, Stream.TEST)
    return in_batches(lambda part: np.asarray(hole(noise, part, images[part])), index)


def _figures(images: np.ndarray, clean: np.ndarray, holes: np.ndarray | None) -> dict[str, float]:
    """PSNR and SSIM, and PSNR inside and outside of holes, as the runs measure them."""
    both = jax.jit(lambda x, y: jnp.stack([image_quality.psnr(x, y), image_quality.ssim(x, y)], -1))
    stacked = np.stack([images, clean], axis=1)
    means = in_batches(lambda part: np.asarray(both(part[:, 0], part[:, 1])), stacked).mean(0, dtype=np.float64)
    figures = {"psnr": float(means[0]), "ssim": float(means[1])}
    if holes is None:
        return figures
    sums = hole_sums(jnp.asarray(images), jnp.asarray(clean), jnp.asarray(holes), jnp.ones(len(images), bool))
    inside = hole_figures(jax.device_get(sums))
    return figures | {name: inside[name] for name in (PSNR_INSIDE.name, PSNR_OUTSIDE.name)}
