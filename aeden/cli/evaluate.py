"""`aeden evaluate RUN... --images IMAGES`: how well runs restore images, beside methods that need no training."""

from __future__ import annotations

import argparse
from typing import Any

from aeden.cli import argument_types

DESCRIPTION = """\
Measure how well trained runs restore or enlarge your images.

The images are clean. Noise is added to them, the same for every method, and each run restores them. For runs of
super-resolution they are made smaller, without noise, and enlarged again, also by interpolation. A table says how near
the results are to the images: PSNR and SSIM, mean over the images. Each folder has rows of its own."""


def add_parser(subparsers: Any) -> None:
    """Adds the arguments, see `aeden.cli.main`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "evaluate",
        help="measure how well runs restore or enlarge images",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "runs",
        metavar="RUN",
        nargs="*",
        help="the folder of a finished run of denoising or super-resolution, an exported folder, or a model of "
        "`aeden models`",
    )
    parser.add_argument(
        "--images", nargs="+", action="extend", required=True, metavar="IMAGES", help="clean images: folders or files"
    )
    parser.add_argument(
        "--level",
        nargs="+",
        action="extend",
        type=argument_types.level,
        metavar="L",
        dest="levels",
        help="noise levels, such as 0.1 or 25/255 (15/255 25/255 50/255; to enlarge, none)",
    )
    parser.add_argument("--noise", metavar="KIND", help="kind of the noise (gaussian)")
    parser.add_argument(
        "--clip",
        action=argparse.BooleanOptionalAction,
        help="clip the noisy images to [0, 1], or do not; both if neither is given",
    )
    parser.add_argument("--seed", type=argument_types.seed, metavar="N", help="of the noise (0)")
    parser.add_argument("--classical", action="store_true", help="also methods that need no training")
    parser.add_argument(
        "--tune",
        nargs="+",
        action="extend",
        default=[],
        metavar="IMAGES",
        help="training images to tune the classical methods on",
    )
    parser.add_argument(
        "--limit", type=argument_types.positive, metavar="N", help="take the first N images of each folder"
    )
    parser.add_argument(
        "--tile", type=argument_types.positive, default=512, metavar="PIXELS", help="as of aeden denoise (512)"
    )
    parser.add_argument("-o", "--output", metavar="TABLE.csv", help="also write the table to this file")
    parser.add_argument("--per-image", action="store_true", help="TABLE.csv gets a row for each image, too")
    parser.add_argument("--force", action="store_true", help="replace TABLE.csv if it exists")
    parser.add_argument("--debug", action="store_true", help="print the traceback of an error")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the table; returns 1 if an image or a method had to be left out.

    Raises:
      ValueError: the options contradict each other, there is no image, or a run cannot be used.
      OSError: a run cannot be read, or the table cannot be written.
    """
    if not arguments.runs and not arguments.classical:
        raise ValueError("nothing to evaluate: name a RUN before --images, or give --classical")
    if arguments.tune and not arguments.classical:
        raise ValueError("--tune is for the classical methods: give --classical too")
    if arguments.per_image and not arguments.output:
        raise ValueError("--per-image adds its rows to a file: name one with -o TABLE.csv")
    from aeden.cli.evaluating import evaluate

    return evaluate(arguments)
