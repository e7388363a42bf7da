"""What a name on the command line of `aeden evaluate` stands for, as a method."""

from __future__ import annotations

from aeden import shipped
from aeden.inference.evaluation import Method, trained_method
from aeden.inference.finished_run import load_restorer


def run_method(name: str, run: str, noise: str, tile: int) -> Method:
    """A run, an exported folder, a model that ships; or a group of models, of which each image gets the one for it.

    Args:
      name: what it is called in tables.
      run: as given on the command line.
      noise: kind of the noise.
      tile: side of what is restored at once.

    Raises:
      ValueError, OSError: see `trained_method` and `load_restorer`.
    """
    if run not in shipped.GROUPS:
        return trained_method(name, load_restorer(run), noise, tile)
    kinds = {
        channels: trained_method(member, load_restorer(member), noise, tile)
        for channels, member in shipped.GROUPS[run].items()
    }
    return Method(name, lambda noisy, condition: kinds[noisy.shape[2]].restore(noisy, condition), first=tile)
