"""`aeden export RUN OUT`: write a trained model in files that others can load."""

from __future__ import annotations

import argparse
from typing import Any

DESCRIPTION = """\
Write the network of a finished run of denoising or super-resolution to a folder that others can load:
model.safetensors, config.json and README.md, a model card with the front matter of Hugging Face. `aeden denoise`, or
`aeden enlarge`, takes the folder in place of a run.

What was written is read again and compared with the run; if it gives other pixels, nothing is left."""


def add_parser(subparsers: Any) -> None:
    """Adds the arguments, see `aeden.cli.main`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "export",
        help="write a trained model for others",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "run_folder", metavar="RUN", help="the folder of a finished run of denoising or super-resolution"
    )
    parser.add_argument("output", metavar="OUT", help="the folder to write")
    parser.add_argument("--half", action="store_true", help="parameters of 16 bits: half the size")
    parser.add_argument(
        "--format",
        default="safetensors",
        metavar="FORMAT",
        help="safetensors (default); jax adds model.jax, which needs jax alone; onnx adds model.onnx, for ONNX Runtime",
    )
    parser.add_argument("--license", default="", help="license of the model, such as apache-2.0")
    parser.add_argument("--purpose", default="", metavar="TEXT", help="what the model is for, in one line")
    parser.add_argument("--made-by", default="", metavar="COMMAND", help="the command that trains it again")
    parser.add_argument("--force", action="store_true", help="replace an earlier export")
    parser.add_argument("--debug", action="store_true", help="print the traceback of an error")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Exports the run; returns 0.

    Raises:
      ValueError, OSError: see `aeden.inference.export.export_run`.
    """
    from pathlib import Path

    from aeden.inference.export import Options, export_run

    for what, name in (("run", arguments.run_folder), ("output", arguments.output)):
        if not name:
            raise ValueError(f"the {what} has an empty name: name its folder")
    options = Options(
        format=arguments.format,
        half=arguments.half,
        license=arguments.license,
        purpose=arguments.purpose,
        made_by=arguments.made_by,
        force=arguments.force,
    )
    done = export_run(arguments.run_folder, Path(arguments.output), options)
    written = ", ".join(f"{name} {size / 1e6:.2f} MB" if size >= 1e4 else name for name, size in done.sizes.items())
    print(f"{arguments.run_folder} -> {arguments.output}: {written}")
    allowed = f"allowed: {done.tolerance:.2g}"
    print(f"gives the pixels of the run: they differ by at most {done.difference:.1g} of 1 ({allowed})")
    if done.unchecked:
        print(
            f"note: {done.unchecked} was not compared with the run: install onnxruntime and export again with --force"
        )
    if not options.license:
        print("note: the card says that the license is unknown: export again with --license to name one")
    return 0
