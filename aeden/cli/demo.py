"""`aeden demo RUN...`: a page in the browser, on which runs restore an image side by side."""

from __future__ import annotations

import argparse
import importlib.util
import re
from typing import Any

DESCRIPTION = """\
Serve a page on which runs restore an image side by side: draw, upload or choose an example, and choose the noise.

The page is served to this machine alone, and nothing leaves it. Ctrl-C ends the server."""


def add_parser(subparsers: Any) -> None:
    """Adds the arguments, see `aeden.cli.main`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "demo",
        help="try runs in the browser",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "runs",
        metavar="RUN",
        nargs="+",
        help="the folder of a finished denoising run, an exported folder, or a model of `aeden models`",
    )
    parser.add_argument("--port", type=_port, default=7860, metavar="N", help="where the page is served (7860)")
    parser.add_argument("--debug", action="store_true", help="print the traceback of an error")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serves the page until Ctrl-C.

    Raises:
      ValueError: gradio is not installed, or a run cannot be used.
      OSError: a run cannot be read, or the port is in use.
    """
    if importlib.util.find_spec("gradio") is None:
        raise ValueError('the demo needs gradio: pip install "aeden[demo]"')
    from aeden import shipped
    from aeden.cli.compiled_programs import keep_programs
    from aeden.inference.finished_run import load_restorer

    keep_programs()
    restorers = {name: load_restorer(name) for name in shipped.members(arguments.runs)}
    from aeden.demo.server import serve

    serve(restorers, arguments.port)
    return 0


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port: use 1024 to 65535")
    return int(text)
