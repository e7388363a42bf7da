"""How well methods restore or enlarge images: clean images are made worse, restored by each method, and compared.

How they are made worse is in `conditions.py`.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aeden.inference.classical_photos import CLASSICAL, Classical
from aeden.inference.conditions import FULL, Condition, Resolution
from aeden.inference.restorer import Restorer
from aeden.inference.tiles import restore_tiled
from aeden.measures import image_quality
from aeden.nn.resize import INTERPOLATIONS, interpolate
from aeden.transforms.downsampling import grid_shift

NOISY = "noisy"


@dataclasses.dataclass(frozen=True, eq=False)
class Method:
    """Something that restores or enlarges images.

    Attributes:
      name: what it is called in tables.
      restore: (`Condition.corrupt` of an image, float32 [h, w, c], the condition) -> an image of the shape of
        `Condition.target`.
      parameters, seed: of a trained model; None for others.
      strengths: condition -> strength of a classical denoiser.
      first: the part of an image that is restored once before the time is measured, for each shape of this part: so
        many pixels along each axis, None for all. It makes a trained model compile, and other methods import their
        packages.
      resolution: of the images that a trained model is for.
      noise: the `noise` section of the config that it was trained with; {} for others.
    """

    name: str
    restore: Callable[[np.ndarray, Condition], np.ndarray]
    parameters: int | None = None
    seed: int | None = None
    strengths: dict[Condition, float] = dataclasses.field(default_factory=dict)
    first: int | None = 64
    resolution: Resolution = FULL
    noise: dict[str, Any] = dataclasses.field(default_factory=dict)


def noisy_method() -> Method:
    """The noisy image itself."""
    return Method(NOISY, lambda noisy, condition: noisy)


def interpolation_method(name: str) -> Method:
    """An enlargement without training.

    Args:
      name: one of `INTERPOLATIONS`.
    """

    def restore(low: np.ndarray, condition: Condition) -> np.ndarray:
        shift = grid_shift(*condition.resolution)
        large = interpolate(jnp.asarray(low[None]), condition.resolution.factor, INTERPOLATIONS[name], shift)
        return np.asarray(large[0])

    return Method(name, restore, first=None)


def trained_method(name: str, restorer: Restorer, kind: str, tile: int = 512) -> Method:
    """A trained model.

    A gray one restores each channel of a colour image by itself. One that takes the noise level is told the true one.

    Args:
      name: what it is called in tables.
      restorer: the model.
      kind: of the noise that it is to remove.
      tile: side of what is restored at once, see `restore_tiled`.

    Raises:
      ValueError: it is told the noise level, and was trained on another kind of noise.
    """
    trained = restorer.noise.get("kind")
    if restorer.takes_level and trained != kind:
        raise ValueError(
            f"{name} is told the noise level, and was trained on {trained} noise, whose levels are not those of {kind} "
            f"noise: use --noise {trained}, or a run that is not told the level"
        )

    def restore(noisy: np.ndarray, condition: Condition) -> np.ndarray:
        return restore_tiled(restorer, noisy, tile, level=condition.level if restorer.takes_level else None)

    resolution = Resolution(restorer.scale, restorer.antialias)
    return Method(
        name, restore, restorer.parameters, restorer.seed, first=tile, resolution=resolution, noise=restorer.noise
    )


def classical_method(name: str, tuned_on: Sequence[np.ndarray], conditions: Sequence[Condition]) -> Method:
    """A classical denoiser, told the standard deviation of Gaussian noise.

    Args:
      name: one of `CLASSICAL`.
      tuned_on: clean images [h, w, c] in [0, 1]: its strength is the one with the highest mean PSNR on them, chosen for
        each condition. If there are none, it is the usual multiple of the noise level.
      conditions: those that it will be used for.

    Raises:
      ValueError: the noise is not Gaussian.
    """
    denoiser = CLASSICAL[name]
    if any(condition.kind != "gaussian" for condition in conditions):
        raise ValueError(f"{name} is for Gaussian noise only: leave out --classical")
    strengths = {condition: _strength(denoiser, tuned_on, condition) for condition in conditions}
    return Method(name, lambda noisy, condition: denoiser.restore(noisy, strengths[condition]), strengths=strengths)


def _strength(denoiser: Classical, tuned_on: Sequence[np.ndarray], condition: Condition) -> float:
    """The strength of a classical denoiser for a condition."""
    if not tuned_on or len(denoiser.factors) == 1:
        return denoiser.strength(condition.level, denoiser.usual)
    pairs = [(clean, condition.corrupt(clean)) for clean in tuned_on]

    def mean_psnr(strength: float) -> float:
        return float(np.mean([quality(denoiser.restore(noisy, strength), clean)[0] for clean, noisy in pairs]))

    return max((denoiser.strength(condition.level, factor) for factor in denoiser.factors), key=mean_psnr)


@dataclasses.dataclass(frozen=True)
class Score:
    """How well a method restored an image.

    Attributes:
      method: its name.
      condition: how the image was corrupted.
      image: its name.
      psnr, ssim: PSNR in dB and SSIM of the restored image, clipped to [0, 1]; see `aeden.measures.image_quality`.
      seconds: wall time of the restoration.
      pixels: of the restored image, height x width.
    """

    method: str
    condition: Condition
    image: str
    psnr: float
    ssim: float
    seconds: float
    pixels: int


def quality(restored: np.ndarray, clean: np.ndarray) -> tuple[float, float]:
    """PSNR in dB and SSIM of a restored image, clipped to [0, 1], both [h, w, c]."""
    psnr, ssim = _quality(jnp.asarray(restored, jnp.float32)[None], jnp.asarray(clean, jnp.float32)[None])
    # Rounding puts the SSIM of flat areas a little above its limit.
    return float(psnr[0]), min(float(ssim[0]), 1.0)


@jax.jit
def _quality(restored: jax.Array, clean: jax.Array) -> tuple[jax.Array, jax.Array]:
    restored = jnp.clip(restored, 0, 1)
    return image_quality.psnr(restored, clean), image_quality.ssim(restored, clean)


@dataclasses.dataclass
class Evaluation:
    """Evaluates methods on one image after the other.

    Attributes:
      methods: those that have not failed.
      conditions: how each image is corrupted.
      failed: name of a method that failed -> its error. It is not used again.
      begun: progress, called with the method's name before each restoration, also in place of those that are skipped.
    """

    methods: list[Method]
    conditions: Sequence[Condition]
    begun: Callable[[str], object] = lambda name: None
    failed: dict[str, Exception] = dataclasses.field(default_factory=dict)
    _warm: set[tuple[str, tuple[int, ...]]] = dataclasses.field(default_factory=set)

    def scores(self, name: str, clean: np.ndarray) -> Iterator[Score]:
        """The scores of every method in every condition on an image.

        Args:
          name: of the image.
          clean: float32 [h, w, c] in [0, 1].

        Raises:
          ValueError: see `Condition.target`.
        """
        for condition in self.conditions:
            target = condition.target(clean)
            given = condition.corrupt(target)
            for method in self.methods:
                self.begun(method.name)
                if method.name in self.failed:
                    continue
                try:
                    restored, seconds = self._restore(method, given, condition)
                    if restored.shape != target.shape or not np.isfinite(restored).all():
                        raise ArithmeticError("its result is not finite, or of another shape than the image")
                except Exception as error:
                    self.failed[method.name] = error
                    continue
                psnr, ssim = quality(restored, target)
                yield Score(method.name, condition, name, psnr, ssim, seconds, target.shape[0] * target.shape[1])

    def _restore(self, method: Method, given: np.ndarray, condition: Condition) -> tuple[np.ndarray, float]:
        """The restored image and the seconds that it took, without compilation."""
        part = given[: method.first, : method.first]
        if (method.name, part.shape) not in self._warm:
            method.restore(part, condition)
            self._warm.add((method.name, part.shape))
        start = time.perf_counter()
        restored = method.restore(given, condition)
        return restored, time.perf_counter() - start


@dataclasses.dataclass(frozen=True)
class Mean:
    """Means over images: of PSNR and SSIM over the images, of seconds over their pixels."""

    images: int
    psnr: float
    ssim: float
    seconds_per_megapixel: float


def mean(scores: Iterable[Score]) -> Mean:
    """The means of at least one score."""
    scores = list(scores)
    average = functools.partial(np.mean, dtype=np.float64)
    seconds = sum(score.seconds for score in scores) / sum(score.pixels for score in scores) * 1e6
    psnr, ssim = (float(average([getattr(score, name) for score in scores])) for name in ("psnr", "ssim"))
    return Mean(len(scores), psnr, ssim, seconds)
