"""Classical denoisers, which need no training, to compare networks with.

They come from scikit-image, SciPy and, if installed, the `bm3d` package. The strength of each is tuned on validation
images. Worker processes import this file, so packages are imported inside the functions that need them.
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

# (image [h, w, c] in any range, strength) -> restored image, which is clipped to [0, 1] afterwards.
Denoiser = Callable[[np.ndarray, float], np.ndarray]
# Number of validation images that the strength is tuned on.
TUNED_ON = 100


def median(image: np.ndarray, size: float) -> np.ndarray:
    """Median filter over squares of `size` x `size` pixels."""
    from scipy.ndimage import median_filter

    return median_filter(image, (int(size), int(size), 1), mode="nearest")


def gaussian(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur with a standard deviation of `sigma` pixels."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(image, (sigma, sigma, 0), mode="nearest")


def nonlocal_means(image: np.ndarray, h: float) -> np.ndarray:
    """Non-local means (Buades et al. 2005): 5 x 5 patches within 6 pixels; cut-off `h` in units of the pixel values."""
    from skimage.restoration import denoise_nl_means

    return denoise_nl_means(image, patch_size=5, patch_distance=6, h=h, fast_mode=True, channel_axis=-1)


def total_variation(image: np.ndarray, weight: float) -> np.ndarray:
    """Total-variation denoising (Rudin et al. 1992; Chambolle 2004) with this `weight`."""
    from skimage.restoration import denoise_tv_chambolle

    return denoise_tv_chambolle(image, weight=weight, channel_axis=-1)


def wavelet(image: np.ndarray, sigma: float) -> np.ndarray:
    """Soft thresholding of wavelet coefficients (BayesShrink, Chang et al. 2000).

    `sigma` is the standard deviation of the noise.
    """
    from skimage.restoration import denoise_wavelet

    return denoise_wavelet(image, sigma=sigma, wavelet="db2", wavelet_levels=2, rescale_sigma=False, channel_axis=-1)


def bm3d(image: np.ndarray, sigma: float) -> np.ndarray:
    """Block matching and 3D filtering (Dabov et al. 2007) for noise of standard deviation `sigma`."""
    import bm3d

    return bm3d.bm3d(image, sigma)


def biharmonic(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Fills a hole [h, w] with the solution of the biharmonic equation that fits the pixels around it.

    Damelin and Hoang 2018, "On surface completion and image inpainting by biharmonic functions: numerical aspects".
    """
    from skimage.restoration import inpaint_biharmonic

    return image if hole.all() else inpaint_biharmonic(image, hole, channel_axis=-1)


# Name -> the denoiser, the package it needs, and the strengths to choose from on validation images.
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
    """Images restored by a classical denoiser.

    Attributes:
      name: name of the denoiser.
      images: restored images in [0, 1], [n, h, w, c].
      strength: the strength that was chosen on validation images.
    """

    name: str
    images: np.ndarray
    strength: float


def present(name: str) -> bool:
    """Whether the package that a denoiser needs is installed."""
    return importlib.util.find_spec(DENOISERS[name][1]) is not None


def fills_holes() -> bool:
    """Whether the package that `fill_holes` needs is installed."""
    return importlib.util.find_spec("skimage") is not None


def fill_holes(images: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Images [n, h, w, c] with their holes [n, h, w, 1], which must be known, filled by `biharmonic`, using all cores.

    Returns:
      float64 [n, h, w, c] in [0, 1].
    """
    with _processes() as pool:
        return np.concatenate(list(pool.map(_fill_part, _parts(images), _parts(holes))))


def _fill_part(images: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """`fill_holes` in this process."""
    pairs = zip(np.asarray(images, np.float64), holes[..., 0], strict=True)
    return np.clip(np.stack([biharmonic(image, hole) for image, hole in pairs]), 0, 1)


def restore(
    validation: tuple[np.ndarray, np.ndarray], noisy: np.ndarray, names: list[str] | None = None
) -> Iterator[Restored]:
    """Restores images with every installed denoiser at its best strength, using all cores.

    The best strength is the one with the highest mean PSNR on the first `TUNED_ON` validation images.

    Args:
      validation: clean and noisy validation images, [n, h, w, c] each.
      noisy: noisy images to restore, [m, h, w, c].
      names: names of denoisers in `DENOISERS`; None for all of them.
    """
    # Imported here, because the worker processes do not need JAX.
    import jax.numpy as jnp

    from aeden.measures import image_quality

    clean, corrupted = (images[:TUNED_ON] for images in validation)
    with _processes() as pool:
        for name in names or DENOISERS:
            if not present(name):
                continue
            candidates = {
                strength: _restore_in_parallel(pool, name, corrupted, strength) for strength in DENOISERS[name][2]
            }
            mean_psnr = {
                strength: float(image_quality.psnr(jnp.asarray(images), jnp.asarray(clean)).mean())
                for strength, images in candidates.items()
            }
            best = max(mean_psnr, key=lambda strength: mean_psnr[strength])
            yield Restored(name, _restore_in_parallel(pool, name, noisy, best), best)


def _processes() -> ProcessPoolExecutor:
    """One process per core: spawned, not forked, as forking a process with threads, such as JAX's, can deadlock."""
    return ProcessPoolExecutor(cores(), multiprocessing.get_context("spawn"))


def _parts(images: np.ndarray) -> list[np.ndarray]:
    """Images [n, ...] in parts for the processes of a pool; one part if there are few."""
    parts = np.array_split(images, max(cores() * 4, 1)) if len(images) > 16 else [images]
    return [part for part in parts if len(part)]


def _restore_in_parallel(pool: Any, name: str, images: np.ndarray, strength: float) -> np.ndarray:
    """Restores images with one denoiser, in parts over the processes of a pool."""
    return np.concatenate(list(pool.map(functools.partial(_restore_part, name, strength), _parts(images))))


def _restore_part(name: str, strength: float, images: np.ndarray) -> np.ndarray:
    """Restores images with one denoiser, in this process, and clips them to [0, 1]."""
    denoise = DENOISERS[name][0]
    restored = [denoise(np.asarray(image, np.float64), strength).reshape(image.shape) for image in images]
    return np.clip(np.stack(restored), 0, 1)
