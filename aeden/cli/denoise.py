"""`aeden denoise RUN INPUT... -o OUT`: clean images with a trained run."""

from __future__ import annotations

import argparse
import re
from typing import Any

from aeden.cli import argument_types

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
    # Numbers such as -1e3 would be taken for options: argparse knows no exponents.
    parser._negative_number_matcher = re.compile(r"-(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$", re.IGNORECASE)
    parser.add_argument(
        "run_folder",
        metavar="RUN",
        help="the folder of a finished denoising run, an exported folder, or a model of `aeden models`",
    )
    parser.add_argument(
        "inputs", metavar="INPUT", nargs="+", help="image, folder with all its subfolders, quoted pattern, or -"
    )
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="file or folder for the results, or -")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--force", action="store_true", help="replace files that exist")
    existing.add_argument(
        "--skip-existing", action="store_true", help="leave files that exist, and go on with the others"
    )
    parser.add_argument(
        "--strength", type=_strength, default=1.0, metavar="S", help="0 returns the image, 1 (default) the restored one"
    )
    parser.add_argument(
        "--level", type=_level, metavar="L", help="noise level, for a run that is told it; by default it is estimated"
    )
    parser.add_argument(
        "--range",
        type=argument_types.number,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="values of black and white, in the unit of the file",
    )
    parser.add_argument("--compare", action="store_true", help="also write NAME.compare.png: before and after")
    parser.add_argument(
        "--tile",
        type=argument_types.positive,
        default=512,
        metavar="PIXELS",
        help="side of what is restored at once (512)",
    )
    parser.add_argument(
        "--overlap",
        type=argument_types.count,
        metavar="PIXELS",
        help="that tiles share; by default as many as make no difference",
    )
    parser.add_argument("--debug", action="store_true", help="print the traceback of an error")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Restores the images; returns 1 if one could not be restored.

    Raises:
      ValueError: the options contradict each other, or the run cannot be used.
      OSError: the run cannot be read.
    """
    if arguments.range and not arguments.range[0] < arguments.range[1]:
        raise ValueError(f"--range takes LOW and HIGH in this order, not {arguments.range[0]:g} {arguments.range[1]:g}")
    from aeden.cli.restoring import Options, restore_all

    return restore_all(
        arguments.run_folder,
        arguments.inputs,
        arguments.output,
        Options(
            force=arguments.force,
            skip_existing=arguments.skip_existing,
            strength=arguments.strength,
            level=arguments.level,
            value_range=tuple(arguments.range) if arguments.range else None,
            compare=arguments.compare,
            tile=arguments.tile,
            overlap=arguments.overlap,
            debug=arguments.debug,
        ),
    )


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
