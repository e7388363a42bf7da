"""The arguments that `aeden denoise` and `aeden enlarge` share: images in, images out."""

from __future__ import annotations

import argparse
import dataclasses
import re
from typing import Any

from aeden.cli import argument_types


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of both commands, see their help.

    Attributes:
      force, skip_existing, strength, level, compare, tile, overlap, debug: as on the command line.
      value_range: the values that stand for black and white in float images; None if not given.
    """

    force: bool = False
    skip_existing: bool = False
    strength: float = 1.0
    level: float | None = None
    value_range: tuple[float, float] | None = None
    compare: bool = False
    tile: int = 512
    overlap: int | None = None
    debug: bool = False


def add_images(parser: argparse.ArgumentParser, run: str, compared: str) -> None:
    """Adds the run, the images and the files for the results, and how they are read and computed.

    Args:
      parser: of the command.
      run: help of RUN.
      compared: what --compare shows, in words.
    """
    # Numbers such as -1e3 would be taken for options: argparse knows no exponents.
    parser._negative_number_matcher = re.compile(r"-(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$", re.IGNORECASE)
    parser.add_argument("run_folder", metavar="RUN", help=run)
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
        "--range",
        type=argument_types.number,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="values of black and white, in the unit of the file",
    )
    parser.add_argument("--compare", action="store_true", help=f"also write NAME.compare.png: {compared}")
    parser.add_argument(
        "--tile",
        type=argument_types.positive,
        default=512,
        metavar="PIXELS",
        help="side of what is computed at once (512)",
    )
    parser.add_argument(
        "--overlap",
        type=argument_types.count,
        metavar="PIXELS",
        help="that tiles share; by default as many as make no difference",
    )
    parser.add_argument("--debug", action="store_true", help="print the traceback of an error")


def options_of(arguments: argparse.Namespace) -> Options:
    """The options of a command line.

    Raises:
      ValueError: the range of values is empty.
    """
    if arguments.range and not arguments.range[0] < arguments.range[1]:
        raise ValueError(f"--range takes LOW and HIGH in this order, not {arguments.range[0]:g} {arguments.range[1]:g}")
    given: dict[str, Any] = {
        field.name: getattr(arguments, field.name, field.default) for field in dataclasses.fields(Options)
    }
    return Options(**{**given, "value_range": tuple(arguments.range) if arguments.range else None})
