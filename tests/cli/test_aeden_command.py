"""The command `aeden`: quick to start, and described in the documentation as it is."""

import re
import shlex
import subprocess
import sys
import tomllib

import pytest
from conftest import ROOT
from documents import DOCUMENTS, read_markdown, shell_lines

import aeden
from aeden.cli.main import SUBCOMMANDS, build_parser


def documented():
    """Every line `aeden ...` in a code block of the documents."""
    blocks = [block for path in DOCUMENTS for block in read_markdown(path.read_text()).blocks]
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in shell_lines(block.lines)]
    return [line for line in lines if line.startswith("aeden ")]


def test_help_and_version_do_not_wait_for_jax():
    code = """
import sys
from aeden.cli.main import main
try:
    main([sys.argv[1]])
finally:
    slow = sorted({"jax", "numpy", "PIL", "flax"} & set(sys.modules))
    print("imported:", slow)
"""
    for flag, said in (("--version", f"aeden {aeden.__version__}"), ("--help", "clean images with a trained run")):
        command = [sys.executable, "-c", code, flag]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert result.returncode == 0, result.stderr
        assert said in result.stdout
        assert "imported: []" in result.stdout


def test_each_subcommand_has_a_line_in_the_help():
    text = build_parser().format_help()
    for subcommand in SUBCOMMANDS:
        name = subcommand.__name__.rpartition(".")[2]
        assert len(re.findall(rf"^    {name} +\w.*$", text, re.M)) == 1


def test_the_entry_point_exists():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["aeden"].partition(":")
    assert hasattr(__import__(module, fromlist=["x"]), function)


def test_documented_commands_are_accepted():
    lines = documented()
    assert lines
    for line in lines:
        words = re.split(r"[<>|]", line.partition(" #")[0])[0]
        build_parser().parse_args(shlex.split(words)[1:])


def test_the_guide_names_every_option():
    guide = (ROOT / "docs/guide.md").read_text()
    with pytest.raises(SystemExit):
        build_parser().parse_args(["denoise", "--help"])
    for option in ("--force", "--strength", "--level", "--range", "--compare", "--tile", "--overlap", "--debug"):
        assert f"`{option}" in guide, option
    for option in ("--format", "--half", "--license", "--purpose", "--made-by", "--force"):
        assert f"`{option}" in guide, option
