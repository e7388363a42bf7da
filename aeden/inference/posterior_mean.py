"""The exact posterior mean of an image under Gaussian noise, with a set of images as the prior.

If test images were drawn from that set, no estimator could have a smaller mean squared error. They are not, so the
posterior mean is no bound on the test split: a network that has learnt what digits look like can do better on new
images. It shows how well the training images alone, weighted by their likelihood, can restore new images.
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr

# Noisy images per block, to bound the memory.
BLOCK = 500


def posterior_mean(noisy: np.ndarray, prior: np.ndarray, level: float, clipped: bool) -> np.ndarray:
    """E[image | noisy], with a uniform prior over a set of images: [n, ...], [m, ...] -> [n, ...] in [0, 1].

    The likelihood of a noisy pixel y of an image x is the normal density of y - x with standard deviation `level`. For
    a pixel clipped to 0 or 1, it is the normal probability of all values below 0 or above 1.

    Args:
      noisy: noisy images.
      prior: images in [0, 1].
      level: standard deviation of the noise, above 0.
      clipped: whether the noisy images were clipped to [0, 1].

    Raises:
      ValueError: the level is not above 0.
    """
    if not level > 0:
        raise ValueError(f"the posterior mean needs noise: level {level:g} is not above 0")
    flat = prior.reshape(len(prior), -1).astype(np.float32)
    squares = np.square(flat) / (2.0 * level**2)
    tails = (log_ndtr(-flat / level), log_ndtr((flat - 1.0) / level)) if clipped else ()
    restored = np.empty((len(noisy), flat.shape[1]), np.float32)
    for start in range(0, len(noisy), BLOCK):
        y = noisy[start : start + BLOCK].reshape(-1, flat.shape[1]).astype(np.float32)
        ends = (y <= 0, y >= 1) if clipped else ()
        inside = np.logical_not(np.any(ends, axis=0)) if ends else np.ones_like(y, bool)
        inside = inside.astype(np.float32)
        # -(y - x)^2 / 2 s^2 over pixels inside (0, 1), without the term y^2, which is the same for every x.
        log_likelihood = (inside * y / level**2) @ flat.T - inside @ squares.T
        for end, tail in zip(ends, tails, strict=True):
            log_likelihood += end.astype(np.float32) @ tail.T
        weights = np.exp(log_likelihood - log_likelihood.max(1, keepdims=True))
        restored[start : start + BLOCK] = weights @ flat / weights.sum(1, keepdims=True)
    return restored.reshape(noisy.shape)
