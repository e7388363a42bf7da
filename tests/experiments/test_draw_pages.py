"""The command that writes drawn pages as PNG files."""

import subprocess
import sys

import numpy as np
from conftest import ROOT
from PIL import Image

from aeden.data import pages


def draw(*arguments):
    command = [sys.executable, "-m", "experiments.draw_pages", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_pages_are_written_and_never_overwritten(tmp_path):
    arguments = (f"--out={tmp_path / 'new/pages'}", "--count=2", "--first=5", "--height=90", "--width=70")
    done = draw(*arguments)
    assert (done.returncode, done.stdout) == (0, f"2 pages of 90 x 70 in {tmp_path / 'new/pages'}\n"), done.stderr
    files = sorted((tmp_path / "new/pages").iterdir())
    assert [file.name for file in files] == ["test-0005.png", "test-0006.png"]
    image = Image.open(files[1])
    assert image.mode == "L"
    np.testing.assert_array_equal(np.asarray(image), pages.draw_page(6, 90, 70)[:, :, 0])
    again = draw(*arguments)
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert "test-0005.png exists" in again.stderr


def test_errors_are_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    for arguments, said in (
        ((), "--out=FOLDER"),
        ((f"--out={tmp_path}", "--split=dev"), "dev"),
        ((f"--out={tmp_path / 'file'}",), "file"),
        ((f"--out={tmp_path}", f"--fonts={tmp_path / 'gone'}"), "no font folder"),
    ):
        result = draw(*arguments)
        assert result.returncode == 1
        assert result.stderr.startswith("error: ")
        assert said in result.stderr
