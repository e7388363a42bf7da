"""`aeden denoise RUN INPUT... -o OUT`: clean images with a trained run."""

from __future__ import annotations

import argparse
from typing import Any

from aeden.cli import argument_types
from aeden.cli.image_arguments import add_images, options_of

DESCRIPTION = """\
Clean images with a trained run.

Each result has the format, bit depth, opacity, colour profile and metadata of its image. OUT is a folder where several
images are given, or where it exists as a folder or ends with a slash; if not, it is a file, whose suffix decides its
format. With - for INPUT or OUT an image is read from standard input or written to standard output."""


def add_parser(subparsers: Any) -> None:
    """Adds the arguments, see `aeden.cli.main`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "denoise",
        help="clean images with a trained run",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run_help = "the folder of a finished denoising run, an exported folder, or a model of `aeden models`"
    add_images(parser, run_help, "before and after")
    parser.add_argument(
        "--strength", type=_strength, default=1.0, metavar="S", help="0 returns the image, 1 (default) the restored one"
    )
    parser.add_argument(
        "--level", type=_level, metavar="L", help="noise level, for a run that is told it; by default it is estimated"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Restores the images; returns 1 if one could not be restored.

    Raises:
      ValueError: the options contradict each other, or the run cannot be used.
      OSError: the run cannot be read.
    """
    options = options_of(arguments)
    from aeden.cli.restoring import restore_all

    return restore_all(arguments.run_folder, arguments.inputs, arguments.output, options)


def _strength(text: str) -> float:
    number = argument_types.number(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return number


def _level(text: str) -> float:
    number = argument_types.number(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return number
