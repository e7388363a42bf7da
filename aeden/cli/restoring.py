"""What `aeden denoise` and `aeden enlarge` do: load the trained model, and apply it to every image."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from aeden.cli.batch import restore_files
from aeden.cli.chosen_model import choose, choose_enlarger
from aeden.cli.compiled_programs import keep_programs
from aeden.cli.image_arguments import Options
from aeden.cli.messages import Messages
from aeden.cli.restored_pixels import PixelRestorer
from aeden.inference.finished_run import load_enlarger, load_restorers


def restore_all(run: str, names: Sequence[str], output: str, options: Options) -> int:
    """Restores every image that is named; returns the exit status.

    Args:
      run: the folder of the run, or another name of `load_restorers`.
      names: the inputs as given.
      output: the output as given.
      options: the options.

    Raises:
      ValueError: the options contradict each other, or the run cannot be used.
      OSError: the run cannot be read.
    """

    def load(messages: Messages) -> PixelRestorer:
        keep_programs()
        restorers = load_restorers(run)
        if options.level is not None and not restorers(1).takes_level:
            raise ValueError(f"{run} restores all noise levels alike, without being told: leave out --level")
        return PixelRestorer(functools.partial(choose, restorers), 1, options, messages)

    return restore_files(names, output, options, load, "restored")


def enlarge_all(run: str, names: Sequence[str], output: str, options: Options) -> int:
    """Enlarges every image that is named; returns the exit status.

    Args:
      run: the folder of a run of super-resolution.
      names, output, options: see `restore_all`.

    Raises:
      ValueError, OSError: as of `restore_all`.
    """

    def load(messages: Messages) -> PixelRestorer:
        keep_programs()
        enlarger = load_enlarger(run)
        return PixelRestorer(functools.partial(choose_enlarger, enlarger), enlarger.scale, options, messages)

    return restore_files(names, output, options, load, "enlarged")
