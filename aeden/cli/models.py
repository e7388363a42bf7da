"""`aeden models`: which models ship with aeden."""

from __future__ import annotations

import argparse
from typing import Any

from aeden import shipped


def add_parser(subparsers: Any) -> None:
    """Adds the arguments, see `aeden.cli.main`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "models",
        help="list the models that ship with aeden",
        description="List the models that ship with aeden: the name, which `aeden denoise` takes in place of a run, "
        "the size of the parameters, and what it is for.",
    )
    parser.add_argument("--debug", action="store_true", help="print the traceback of an error")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Lists the models; returns 0.

    Raises:
      OSError: one is missing.
    """
    if not shipped.SHIPPED:
        print("no models ship with this version: train one, or take a folder that `aeden export` wrote")
        return 0
    width = max(map(len, shipped.SHIPPED))
    for name, purpose in shipped.SHIPPED.items():
        size = (shipped.FOLDER / name / "model.safetensors").stat().st_size / 1e6
        print(f"{name:<{width}}  {size:4.1f} MB  {purpose}")
    for name, group in shipped.GROUPS.items():
        if set(group.values()) <= shipped.SHIPPED.keys():
            print(f"{name:<{width}}           {group[1]} for gray images, {group[3]} for colour images")
    print("use one by its name: aeden denoise NAME noisy.png -o clean.png")
    return 0
