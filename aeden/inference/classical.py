"""Classical denoisers, to compare networks with: each with its strength chosen on validation images.

scikit-image and SciPy do the work, and BM3D where the `bm3d` package is installed.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from aeden.runtime.processes import cores

# (image [h, w, c] in any range, strength) -> image; in [0, 1] after clipping.
Denoiser = Callable[[np.ndarray, float], np.ndarray]
TUNED_ON = 100


def median(image: np.ndarray, size: float) -> np.ndarray:
    """The median over a square of `size` pixels a side."""
    from scipy.ndimage import median_filter

    return median_filter(image, (int(size), int(size), 1), mode="nearest")


def gaussian(image: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian blur of `sigma` pixels."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(image, (sigma, sigma, 0), mode="nearest")


def nonlocal_means(image: np.ndarray, h: float) -> np.ndarray:
    """Non-local means (Buades et al. 2005): 5 x 5 patches within 6 pixels, with cut-off `h` in gray levels."""
    from skimage.restoration import denoise_nl_means

    return denoise_nl_means(image, patch_size=5, patch_distance=6, h=h, fast_mode=True, channel_axis=-1)


def total_variation(image: np.ndarray, weight: float) -> np.ndarray:
    """Total variation (Rudin et al. 1992; Chambolle 2004) of this `weight`."""
    from skimage.restoration import denoise_tv_chambolle

    return denoise_tv_chambolle(image, weight=weight, channel_axis=-1)


def wavelet(image: np.ndarray, sigma: float) -> np.ndarray:
    """Soft thresholds of wavelet coefficients (BayesShrink, Chang et al. 2000) for noise of `sigma` gray levels."""
    from skimage.restoration import denoise_wavelet

    return denoise_wavelet(image, sigma=sigma, wavelet="db2", wavelet_levels=2, rescale_sigma=False, channel_axis=-1)


def bm3d(image: np.ndarray, sigma: float) -> np.ndarray:
    """Block matching and 3D filtering (Dabov et al. 2007) for noise of `sigma` gray levels."""
    import bm3d

    return bm3d.bm3d(image, sigma)


# Name -> the denoiser, the package it needs, and the strengths that validation chooses from.
DENOISERS: dict[str, tuple[Denoiser, str, tuple[float, ...]]] = {
    "median": (median, "scipy", (3.0, 5.0, 7.0)),
    "Gaussian": (gaussian, "scipy", (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5)),
    "non-local means": (nonlocal_means, "skimage", (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7)),
    "total variation": (total_variation, "skimage", (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)),
    "wavelet": (wavelet, "pywt", (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)),
    "BM3D": (bm3d, "bm3d", (0.1, 0.2, 0.3, 0.4, 0.5)),
}


@dataclasses.dataclass(frozen=True)
class Restored:
    """What a classical denoiser made of the test images.

    Attributes:
      name: of the denoiser.
      images: in [0, 1], [n, h, w, c].
      strength: which validation chose.
    """

    name: str
    images: np.ndarray
    strength: float


def present(name: str) -> bool:
    """Whether a denoiser's package is installed."""
    return importlib.util.find_spec(DENOISERS[name][1]) is not None


def restore(
    validation: tuple[np.ndarray, np.ndarray], noisy: np.ndarray, names: list[str] | None = None
) -> Iterator[Restored]:
    """Every denoiser that is installed, as it restores images at its best strength; over all cores.

    The strength with the highest mean PSNR on the first hundred validation images is chosen.

    Args:
      validation: clean and noisy images [n, h, w, c], to choose by.
      noisy: what to restore.
      names: of `DENOISERS`; all of them for None.
    """
    # Here, since the pool's processes import this file and need no JAX.
    import jax.numpy as jnp

    from aeden.measures import image_quality

    clean, corrupted = (images[:TUNED_ON] for images in validation)
    # A fresh process each: this one has JAX's threads, which no fork survives.
    with ProcessPoolExecutor(cores(), multiprocessing.get_context("spawn")) as pool:
        for name in names or DENOISERS:
            if not present(name):
                continue
            tried = {strength: _all(pool, name, corrupted, strength) for strength in DENOISERS[name][2]}
            quality = {
                strength: float(image_quality.psnr(jnp.asarray(images), jnp.asarray(clean)).mean())
                for strength, images in tried.items()
            }
            strength = max(quality, key=lambda one: quality[one])
            yield Restored(name, _all(pool, name, noisy, strength), strength)


def _all(pool: Any, name: str, images: np.ndarray, strength: float) -> np.ndarray:
    parts = np.array_split(images, max(cores() * 4, 1)) if len(images) > 16 else [images]
    parts = [part for part in parts if len(part)]
    return np.concatenate(list(pool.map(functools.partial(_some, name, strength), parts)))


def _some(name: str, strength: float, images: np.ndarray) -> np.ndarray:
    denoise = DENOISERS[name][0]
    restored = [denoise(np.asarray(image, np.float64), strength).reshape(image.shape) for image in images]
    return np.clip(np.stack(restored), 0, 1)
