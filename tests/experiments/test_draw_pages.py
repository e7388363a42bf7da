"""The command that writes drawn pages as PNG files."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from aeden.data import pages
from experiments import draw_pages


def test_the_command_writes_pages(tmp_path):
    out = tmp_path / "new/pages"
    flags = [f"--out={out}", "--count=2", "--first=5", "--height=90", "--width=70"]
    command = [sys.executable, "-m", "experiments.draw_pages", *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (0, f"2 pages of 70 x 90 pixels in {out}\n"), done.stderr
    files = sorted(out.iterdir())
    assert [file.name for file in files] == ["test-0005.png", "test-0006.png"]
    image = Image.open(files[1])
    assert image.mode == "L"
    np.testing.assert_array_equal(np.asarray(image), pages.draw_page(6, 90, 70)[:, :, 0])


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "test-0001.png").write_text("mine")
    with pytest.raises(ValueError, match=r"test-0001.png exists"):
        draw_pages.draw(tmp_path, range(3), 64, 64, "test", None)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_folders_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        draw_pages.draw(tmp_path / "file/pages", range(1), 64, 64, "test", None)
    with pytest.raises(FileNotFoundError, match="no font folder"):
        draw_pages.draw(tmp_path / "pages", range(1), 64, 64, "test", tmp_path / "gone")


@pytest.mark.parametrize(
    ("arguments", "said"), [((), "--out=FOLDER"), (("--split=dev",), "dev"), (("pages",), "'pages'")]
)
def test_an_error_is_one_line(arguments, said, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["draw_pages", *arguments])
    with pytest.raises(SystemExit, match=rf"^error: .*{said}"):
        draw_pages.main()


def test_noise_has_the_standard_deviation_that_is_named(tmp_path):
    for name, noise in (("clean", 0.0), ("noisy", 0.05)):
        draw_pages.draw(tmp_path / name, range(3, 4), 200, 200, "test", None, noise)
    clean, noisy = (
        np.asarray(Image.open(tmp_path / name / "test-0003.png")).astype(float) for name in ("clean", "noisy")
    )
    inside = (clean > 60) & (clean < 195)  # nothing is clipped there
    flat = np.full((300, 300), 128, np.uint8)
    assert np.std(draw_pages.with_noise(flat, 0.05, 1)) == pytest.approx(0.05 * 255, rel=0.02)
    assert (np.abs(noisy - clean)[inside] < 6 * 0.05 * 255).all()
    assert (noisy != clean).any()
