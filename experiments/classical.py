"""Baselines of a grid: what needs no training, on the very images that its networks are tested on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aeden import baselines, build, keys, metrics, posterior, restoration, runs
from aeden.data.sources import Dataset
from aeden.evaluation import in_batches
from experiments.grid import Cell, dataset_of

# Images of the prior at most: with more, their likelihoods need more memory than a laptop has.
PRIOR = 60_000
Row = dict[str, Any]


def compare(cell: Cell, folder: Path) -> tuple[list[Row], dict[str, np.ndarray]]:
    """Every baseline on the test images that a run restores, with its noise; kept in a folder for the next time.

    Args:
      cell: a denoising run.
      folder: where results are kept, by a hash of what they depend on.

    Returns:
      A row a method: `method`, `psnr` (dB) and `ssim`, means over the test split, and the `strength` that validation
      chose; and what each made of the images that the runs show (`aeden.restoration.restore_samples`), [n, h, w, c].
      Methods whose package is missing are left out, as is the posterior mean of noise that is not Gaussian.
    """
    config, dataset = cell.config, dataset_of(cell.config)
    noise = config.noise.to_dict()
    packages = [name for name in baselines.DENOISERS if baselines.present(name)]
    key = json.dumps(
        [dataset.sha256, config.data.limit, config.data.train_limit, noise, config.seed, packages], sort_keys=True
    )
    path = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
    if path.with_suffix(".json").exists() and path.with_suffix(".npz").exists():
        with np.load(path.with_suffix(".npz")) as shown:
            return runs.read_json(path.with_suffix(".json"))["rows"], dict(shown)
    rows, shown = _measure(config, dataset)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(path.with_suffix(".npz"), **shown)  # type: ignore[arg-type]
    runs.write_json(path.with_suffix(".json"), {"rows": rows, "noise": noise, "dataset": dataset.identity()})
    return rows, shown


def _measure(config: Any, dataset: Dataset) -> tuple[list[Row], dict[str, np.ndarray]]:
    noise = build.build_corruption(config)
    clean, noisy = restoration.corrupt_split(noise, dataset.test, config.seed, keys.Stream.TEST)
    few = dataset.validation.first(baselines.TUNED_ON)
    validation = restoration.corrupt_split(noise, few, config.seed, keys.Stream.VALIDATION)
    index = restoration.shown(len(clean))
    rows, shown = [], {}

    def note(name: str, images: np.ndarray, strength: float | None = None) -> None:
        rows.append({"method": name, **_figures(images.astype(np.float32), clean), "strength": strength})
        shown[name] = images[index]

    note("noisy input", noisy)
    for restored in baselines.restore(validation, noisy):
        note(restored.name, restored.images, restored.strength)
    if config.noise.kind == "gaussian" and config.noise.level > 0 and not config.noise.level_max > config.noise.level:
        prior = np.asarray(dataset.train.first(PRIOR).images, np.float32) / 255.0
        note("posterior mean", posterior.posterior_mean(noisy, prior, config.noise.level, config.noise.clip))
    return rows, shown


def _figures(images: np.ndarray, clean: np.ndarray) -> dict[str, float]:
    """PSNR and SSIM as the runs measure them."""
    both = jax.jit(lambda x, y: jnp.stack([metrics.psnr(x, y), metrics.ssim(x, y)], -1))
    stacked = np.stack([images, clean], axis=1)
    means = in_batches(lambda part: np.asarray(both(part[:, 0], part[:, 1])), stacked).mean(0, dtype=np.float64)
    return {"psnr": float(means[0]), "ssim": float(means[1])}
