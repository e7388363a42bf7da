"""Classical denoisers for Gaussian noise on images of any size, to compare networks with on photos and pages.

Each has one strength. It is told the standard deviation of the noise, sigma, and takes a multiple of it; the median
takes the side of its window. `classical.py` has those of grids, for images of 28 x 28 pixels.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable

import numpy as np

from aeden.inference.classical import median, total_variation


def nonlocal_means(image: np.ndarray, strength: float) -> np.ndarray:
    """Non-local means (Buades et al. 2005): 7 x 7 patches within 10 pixels, with the cut-off `strength`."""
    from skimage.restoration import denoise_nl_means

    return denoise_nl_means(image, patch_size=7, patch_distance=10, h=strength, fast_mode=True, channel_axis=-1)


def wavelet(image: np.ndarray, strength: float) -> np.ndarray:
    """Soft thresholding of db2 wavelet coefficients (BayesShrink, Chang et al. 2000), each channel by itself.

    `strength` is the standard deviation of noise that it assumes.
    """
    from skimage.restoration import denoise_wavelet

    return denoise_wavelet(image, sigma=strength, wavelet="db2", rescale_sigma=False, channel_axis=-1)


def bm3d(image: np.ndarray, strength: float) -> np.ndarray:
    """Block matching and 3D filtering (Dabov et al. 2007), for colour in opponent colours (CBM3D).

    `strength` is the standard deviation of noise that it assumes.
    """
    import bm3d

    if image.shape[2] == 3:
        return bm3d.bm3d_rgb(image, strength)
    return bm3d.bm3d(image[:, :, 0], strength).reshape(image.shape)


@dataclasses.dataclass(frozen=True)
class Classical:
    """A classical denoiser.

    Attributes:
      denoise: (image [h, w, c], strength) -> restored image, which is clipped to [0, 1] afterwards.
      needs: module -> name of its package, for those that aeden does not need itself.
      usual: factor without tuning: the strength is factor x sigma.
      factors: those to choose from; one means that it is not tuned.
      scaled: False if the factor itself is the strength.
    """

    denoise: Callable[[np.ndarray, float], np.ndarray]
    needs: dict[str, str]
    usual: float
    factors: tuple[float, ...]
    scaled: bool = True

    def strength(self, sigma: float, factor: float) -> float:
        """The strength for noise of standard deviation `sigma`."""
        return factor * sigma if self.scaled else factor

    def absent(self) -> list[str]:
        """The packages that are needed and not installed."""
        return [package for module, package in self.needs.items() if importlib.util.find_spec(module) is None]

    def restore(self, noisy: np.ndarray, strength: float) -> np.ndarray:
        """The restored image in [0, 1], float32 [h, w, c], of an image [h, w, c]."""
        restored = np.asarray(self.denoise(np.asarray(noisy, np.float64), strength)).reshape(noisy.shape)
        return np.clip(restored, 0, 1).astype(np.float32)


SKIMAGE = {"skimage": "scikit-image"}
# The usual factors are the best ones on the first four images of Train400 at 25 of 255, noise not clipped. BM3D is told
# sigma, as in the literature.
CLASSICAL: dict[str, Classical] = {
    "median": Classical(median, {}, 5.0, (3.0, 5.0, 7.0), scaled=False),
    "non-local means": Classical(nonlocal_means, SKIMAGE, 0.8, (0.6, 0.7, 0.8, 0.9, 1.0)),
    "total variation": Classical(total_variation, SKIMAGE, 0.8, (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2)),
    "wavelet": Classical(wavelet, {**SKIMAGE, "pywt": "PyWavelets"}, 1.0, (0.6, 0.7, 0.8, 0.9, 1.0, 1.2)),
    "BM3D": Classical(bm3d, {"bm3d": "bm3d"}, 1.0, (1.0,)),
}
