"""Baselines of a grid: what needs no training, on the very images that its networks are tested on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aeden import random_keys
from aeden.data.dataset import Dataset
from aeden.inference import classical, posterior_mean
from aeden.measures import image_quality
from aeden.runtime import files
from aeden.tasks import from_config
from aeden.tasks.objectives import restoration
from aeden.training.evaluation import in_batches
from experiments.ablate import grid
from experiments.ablate.grid import Cell

# Images of the prior at most: with more, their likelihoods need more memory than a laptop has.
PRIOR = 60_000
NOISY, POSTERIOR = "noisy input", "posterior mean"
TUNED_ON = classical.TUNED_ON
Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Baselines:
    """What needs no training made of a grid's test images.

    Attributes:
      rows: one a method, setting and noise level: `method`, the setting, `level`, `psnr` (dB), `ssim`, `strength`.
      shown: the images that runs show, by each method, at the first setting: [n, h, w, c].
    """

    rows: list[Row]
    shown: dict[str, np.ndarray]


def compare_grid(cells: Sequence[Cell], folder: Path, tell: Callable[[str], None]) -> Baselines:
    """`compare` for the first run of every setting, at its own noise level and at those it is tested at."""
    rows: list[Row] = []
    shown: dict[str, np.ndarray] = {}
    first: dict[str, Cell] = {}
    for cell in cells:
        first.setdefault(cell.place, cell)
    for cell in first.values():
        for level in dict.fromkeys((cell.level, *map(float, cell.config.eval.levels))):
            config = cell.config.copy_and_resolve_references()
            if level != cell.level:
                config.noise.level, config.noise.level_max = level, 0.0
            where = grid.place({**cell.setting, "noise.level": level})
            tell(f"comparing with baselines on the same corrupted images, {where} ...")
            found, images = compare(config, folder)
            rows += [{"method": row["method"], **cell.setting, "level": level, **row} for row in found]
            shown = shown or images
    return Baselines(rows, shown)


def best_by_level(rows: Sequence[Row], metric: str, more: bool) -> dict[float, float]:
    """The figure of the best classical method at each noise level; `more`: whether more of it is better."""
    best: dict[float, float] = {}
    for row in rows:
        if row["method"] not in (NOISY, POSTERIOR):
            value = row[metric]
            best[row["level"]] = (max if more else min)(best.get(row["level"], value), value)
    return best


def compare(config: Any, folder: Path) -> tuple[list[Row], dict[str, np.ndarray]]:
    """Every baseline on the test images that a run restores, with its noise; kept in a folder for the next time.

    Args:
      config: of a denoising run.
      folder: where results are kept, by a hash of what they depend on.

    Returns:
      A row a method: `method`, `psnr` (dB) and `ssim`, means over the test split, and the `strength` that validation
      chose; and what each made of the images that the runs show (`aeden.tasks.objectives.restoration.restore_samples`), [n, h, w, c].
      Methods whose package is missing are left out, as is the posterior mean of noise that is not Gaussian.
    """
    dataset = grid.dataset_of(config)
    noise = config.noise.to_dict()
    packages = [name for name in classical.DENOISERS if classical.present(name)]
    key = json.dumps(
        [dataset.sha256, config.data.limit, config.data.train_limit, noise, config.seed, packages], sort_keys=True
    )
    path = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
    if path.with_suffix(".json").exists() and path.with_suffix(".npz").exists():
        with np.load(path.with_suffix(".npz")) as shown:
            return files.read_json(path.with_suffix(".json"))["rows"], dict(shown)
    rows, shown = _measure(config, dataset)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(path.with_suffix(".npz"), **shown)  # type: ignore[arg-type]
    files.write_json(path.with_suffix(".json"), {"rows": rows, "noise": noise, "dataset": dataset.identity()})
    return rows, shown


def _measure(config: Any, dataset: Dataset) -> tuple[list[Row], dict[str, np.ndarray]]:
    noise = from_config.build_noise(config)
    clean, noisy = restoration.corrupt_split(noise, dataset.test, config.seed, random_keys.Stream.TEST)
    few = dataset.validation.first(classical.TUNED_ON)
    validation = restoration.corrupt_split(noise, few, config.seed, random_keys.Stream.VALIDATION)
    index = restoration.shown(len(clean))
    rows, shown = [], {}

    def note(name: str, images: np.ndarray, strength: float | None = None) -> None:
        rows.append({"method": name, **_figures(images.astype(np.float32), clean), "strength": strength})
        shown[name] = images[index]

    note(NOISY, noisy)
    for restored in classical.restore(validation, noisy):
        note(restored.name, restored.images, restored.strength)
    if config.noise.kind == "gaussian" and config.noise.level > 0 and not config.noise.level_max > config.noise.level:
        prior = np.asarray(dataset.train.first(PRIOR).images, np.float32) / 255.0
        note(POSTERIOR, posterior_mean.posterior_mean(noisy, prior, config.noise.level, config.noise.clip))
    return rows, shown


def _figures(images: np.ndarray, clean: np.ndarray) -> dict[str, float]:
    """PSNR and SSIM as the runs measure them."""
    both = jax.jit(lambda x, y: jnp.stack([image_quality.psnr(x, y), image_quality.ssim(x, y)], -1))
    stacked = np.stack([images, clean], axis=1)
    means = in_batches(lambda part: np.asarray(both(part[:, 0], part[:, 1])), stacked).mean(0, dtype=np.float64)
    return {"psnr": float(means[0]), "ssim": float(means[1])}
