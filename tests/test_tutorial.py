"""The tutorial, from its page: every command is run, and the pictures are what the commands make."""

import runpy
import shlex
import subprocess
import sys

import numpy as np
import pytest
from documents import ROOT, parse_command, read_markdown, shell_lines
from PIL import Image

from aeden.cli.main import main
from aeden.data import pages

PAGE = ROOT / "docs/tutorial.md"
COMMANDS = [line for block in read_markdown(PAGE.read_text()).blocks for line in shell_lines(block.lines)]
# What is given last counts.
SMOKE = "--config=configs/smoke.py"
SHORT = ("--config.steps=2", "--config.eval.levels=()", "--config.model.features=(4, 4)")


def run(line, folder, monkeypatch, short):
    """Runs a line of the tutorial in a folder that has what the root of the repository has."""
    if line == "source .venv/bin/activate":
        return
    if line.startswith("aeden "):
        assert main(shlex.split(line)[1:]) == 0, line
        return
    program, arguments = parse_command(line)
    if program == "experiments.draw_pages":
        few = ("--count=4",) if short and "--count=20" in arguments else ()
        monkeypatch.setattr(sys, "argv", [program, *arguments, *few])
        monkeypatch.delitem(sys.modules, program, raising=False)
        runpy.run_module(program, run_name="__main__")
        return
    assert program == "experiments.main"
    if short and SMOKE in arguments:
        return  # tests/experiments/test_commands.py runs it
    if short:  # a tuple that is given twice would be joined
        arguments = [one for one in arguments if not one.startswith("--config.model.features=")]
    words = [sys.executable, "-m", program, *arguments, *(SHORT if short else ())]
    result = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=1800)
    assert result.returncode == 0, (line, result.stderr)


def pixels(path):
    return np.asarray(Image.open(path)).astype(np.float64)


def psnr(image, clean):
    return 10 * np.log10(255**2 / np.mean((image - clean) ** 2))


@pytest.mark.parametrize("short", [True, pytest.param(False, marks=pytest.mark.proof)])
def test_every_command_of_the_tutorial(tmp_path, monkeypatch, capsys, short):
    for name in ("aeden", "configs", "experiments", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    for line in COMMANDS:
        run(line, tmp_path, monkeypatch, short)
    assert "text" in capsys.readouterr().out
    results, docs = tmp_path / "runs/tutorial", ROOT / "docs"
    # Compared with what the page shows; another processor rounds otherwise.
    for made, shown in (
        ("noisy/test-0004.png", "tutorial-noisy.png"),
        ("cleaned.compare.png", "tutorial-cleaned.png"),
        ("my_pages/train-0000.png", "tutorial-page.png"),
    ):
        np.testing.assert_allclose(pixels(results / made), pixels(docs / shown), atol=2, err_msg=shown)
    clean = pages.draw_page(4, 256, 384)[:, :, 0].astype(np.float64)
    noisy, by_text, by_own = (
        psnr(pixels(path), clean)
        for path in (docs / "tutorial-noisy.png", results / "cleaned.png", results / "mine.png")
    )
    assert by_text > noisy + 5
    assert short or by_text > by_own > noisy + 3


def test_the_tutorial_has_a_picture_for_each_step():
    prose = PAGE.read_text()
    assert [prose.count(f"](tutorial-{name}.png)") for name in ("noisy", "cleaned", "page", "mine")] == [1] * 4
    assert len(COMMANDS) == 8
