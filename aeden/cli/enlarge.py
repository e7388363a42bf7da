"""`aeden enlarge RUN INPUT... -o OUT`: enlarge images with a trained run of super-resolution."""

from __future__ import annotations

import argparse
from typing import Any

from aeden.cli.image_arguments import add_images, options_of

DESCRIPTION = """\
Enlarge images with a trained run of super-resolution, by the factor of this run.

Each result has the format, bit depth, opacity, colour profile and metadata of its image, and is as large as it when
printed. OUT is a folder where several images are given, or where it exists as a folder or ends with a slash; if not, it
is a file, whose suffix decides its format. With - for INPUT or OUT an image is read from standard input or written to
standard output."""


def add_parser(subparsers: Any) -> None:
    """Adds the arguments, see `aeden.cli.main`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "enlarge",
        help="enlarge images with a trained run of super-resolution",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_images(
        parser, "the folder of a finished run of super-resolution, or an exported folder", "bicubic and enlarged"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Enlarges the images; returns 1 if one could not be enlarged.

    Raises:
      ValueError: the options contradict each other, or the run cannot be used.
      OSError: the run cannot be read.
    """
    options = options_of(arguments)
    from aeden.cli.restoring import enlarge_all

    return enlarge_all(arguments.run_folder, arguments.inputs, arguments.output, options)
