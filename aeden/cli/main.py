"""The command `aeden` and its subcommands.

A subcommand is a module of this package with two functions: `add_parser(subparsers)` adds its arguments and sets `run`,
and `run(arguments)` returns the exit status. List it in `SUBCOMMANDS`. What takes long to import, such as jax, is
imported within `run`, so that `aeden --help` answers at once.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import aeden
from aeden.cli import demo, denoise, enlarge, evaluate, export, models
from aeden.cli.messages import one_line, quiet_libraries

SUBCOMMANDS = (denoise, enlarge, demo, evaluate, export, models)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="aeden", description="Denoising autoencoders: clean or enlarge your own images."
    )
    parser.add_argument("--version", action="version", version=f"aeden {aeden.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for subcommand in SUBCOMMANDS:
        subcommand.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line.

    Args:
      argv: the arguments; None for those of this process.

    Returns:
      The exit status: 0, 1 if something failed, 130 after Ctrl-C. Wrong arguments raise SystemExit(2).
    """
    parser = build_parser()
    if not (sys.argv[1:] if argv is None else argv):
        parser.print_help()
        return 0
    arguments = parser.parse_args(argv)
    if not arguments.debug:
        quiet_libraries()
    try:
        status: int = arguments.run(arguments)
    except KeyboardInterrupt:
        print("interrupted: results that were not complete are left out", file=sys.stderr)
        return 130
    except Exception as error:
        if arguments.debug:
            raise
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 1
    return status


def start() -> NoReturn:
    """Runs the command line of this process and ends it."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # not if it is ignored, as nohup has it
            signal.signal(number, _stop)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started this; reading gives nothing, writing fails
            setattr(sys, name, open(os.devnull))  # noqa: SIM115 (open until the process ends)
    status = main()
    try:
        sys.stdout.flush()
    except OSError:
        # Whoever read the output is gone. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """The signal ends the process as an exception does, so that unfinished files are deleted."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    start()
