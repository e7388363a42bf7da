"""The metrics that tables and verdicts of a grid are about."""

from __future__ import annotations

import dataclasses

# Of a task's summary: what its table shows, and whether more of it is better (None: neither, nearer to real is).
FIGURES: dict[str, dict[str, bool | None]] = {
    "denoise": {
        "psnr": True,
        "ssim": True,
        "bce": False,
        "mse": False,
        "harmonic_energy": False,
        "phase_variation": False,
        "spectrum_distance_db": False,
        "constant_ripple_initial": False,
        "constant_ripple_trained": False,
        "impulse_unevenness_initial": False,
        "impulse_unevenness_trained": False,
    },
    "stack": {"accuracy": True, "cross_entropy": False},
    "gan": {
        "kid": False,
        "fid": False,
        "precision": True,
        "recall": True,
        "coverage": True,
        "confident": True,
        "smallest_class": True,
        "largest_class": None,
        "authenticity": None,
        "harmonic_energy": None,
        "phase_variation": None,
        "spectrum_distance_db": False,
    },
}


HEADS = {
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "bce": "BCE",
    "harmonic_energy": "checkerboard energy",
    "phase_variation": "phase variation",
    "spectrum_distance_db": "spectrum distance, dB",
    "constant_ripple_initial": "ripple, initial",
    "constant_ripple_trained": "ripple, trained",
    "impulse_unevenness_initial": "unevenness, initial",
    "impulse_unevenness_trained": "unevenness, trained",
    "kid": "KID",
    "fid": "FID",
    "smallest_class": "smallest class",
    "largest_class": "largest class",
}


# What a denoising run says at every noise level that it is tested at.
BY_LEVEL = ("psnr", "ssim", "bce", "mse")


@dataclasses.dataclass(frozen=True)
class Metric:
    """How a figure is told.

    Attributes:
      name: in words.
      unit: of a difference, "" for none.
      more: whether more of it is better.
      places: digits after the point.
    """

    name: str
    unit: str
    more: bool
    places: int

    @property
    def label(self) -> str:
        """Name and unit, for an axis."""
        return f"{self.name}, {self.unit}" if self.unit else self.name

    def difference(self, value: float) -> str:
        """A difference with its sign and unit."""
        return f"{value:+.{self.places}f}{f' {self.unit}' if self.unit else ''}"


METRICS = {
    "psnr": Metric("PSNR", "dB", True, 2),
    "ssim": Metric("SSIM", "", True, 4),
    "bce": Metric("BCE", "nats", False, 4),
    "mse": Metric("MSE", "", False, 5),
    "accuracy": Metric("accuracy", "", True, 4),
    "cross_entropy": Metric("cross-entropy", "nats", False, 4),
    "kid": Metric("KID", "", False, 4),
    "fid": Metric("FID", "", False, 3),
    "coverage": Metric("coverage", "", True, 3),
    "harmonic_energy": Metric("checkerboard energy", "", False, 5),
}


def metric(name: str) -> Metric:
    """How a metric is told.

    Raises:
      ValueError: a verdict cannot be about it.
    """
    if name not in METRICS:
        raise ValueError(f"metric {name!r} is none that a verdict is about: use one of {', '.join(METRICS)}")
    return METRICS[name]
