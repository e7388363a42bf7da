"""What a name on the command line of `aeden evaluate` stands for, as a method."""

from __future__ import annotations

from collections.abc import Sequence

from aeden import shipped
from aeden.inference.conditions import FULL, Resolution
from aeden.inference.evaluation import Method, trained_method
from aeden.inference.finished_run import load_model, load_restorer


def run_method(name: str, run: str, noise: str, tile: int) -> Method:
    """A run, an exported folder, a model that ships; or a group of models, of which each image gets the one for it.

    Args:
      name: what it is called in tables.
      run: as given on the command line.
      noise: kind of the noise.
      tile: side of what is restored at once.

    Raises:
      ValueError, OSError: see `trained_method` and `load_model`.
    """
    if run not in shipped.GROUPS:
        return trained_method(name, load_model(run), noise, tile)
    kinds = {
        channels: trained_method(member, load_restorer(member), noise, tile)
        for channels, member in shipped.GROUPS[run].items()
    }
    return Method(name, lambda noisy, condition: kinds[noisy.shape[2]].restore(noisy, condition), first=tile)


def common_resolution(methods: Sequence[Method]) -> Resolution:
    """The resolution of the images that all methods are for; that of the images themselves if there are none.

    Raises:
      ValueError: they differ.
    """
    for one in methods:
        if one.resolution != methods[0].resolution:
            raise ValueError(f"{_takes(methods[0])}, and {_takes(one)}: evaluate them by commands of their own")
    return methods[0].resolution if methods else FULL


def _takes(method: Method) -> str:
    """What a method takes, in words."""
    factor, antialias = method.resolution
    if factor == 1:
        return f"{method.name} restores images at their own size"
    made = "bicubic means" if antialias else "one pixel kept of each square"
    return f"{method.name} enlarges images {factor} times ({made})"
