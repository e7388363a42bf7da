"""Slow proofs of `aeden denoise`: pipes of real processes, and the memory that a large image takes."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, start

from aeden.data.image_files import decode_image
from aeden.data.image_output import Page, write_image

pytestmark = pytest.mark.proof

# Runs a command and prints its largest memory.
MEASURED = """
import resource, subprocess, sys
status = subprocess.run([sys.executable, "-m", "experiments.denoise", *sys.argv[1:]]).returncode
# In bytes on macOS, in KiB elsewhere.
unit = 1 if sys.platform == "darwin" else 1024
print("bytes", unit * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


@pytest.mark.parametrize("channels", [1, 3])
def test_40_megapixels_of_16_bits_take_less_than_2_gib(finished_run, tmp_path, channels):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 65536, (5000, 8000, channels), dtype=np.uint16)
    with open(tmp_path / "large.png", "wb") as file:
        write_image(file, "PNG", [Page(pixels)])
    del pixels
    command = [sys.executable, "-c", MEASURED, str(finished_run), str(tmp_path / "large.png")]
    command += ["-o", str(tmp_path / "out.png")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3600)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout.rsplit("bytes", 1)[1]) < 2 << 30
    assert (tmp_path / "out.png").exists()


def test_pipes_between_processes(finished_run, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (600, 600, 1), dtype=np.uint8)
    with open(tmp_path / "a.png", "wb") as file:
        write_image(file, "PNG", [Page(pixels)])
    command = [sys.executable, "-m", "experiments.denoise", str(finished_run), "-", "-o", "-"]
    with open(tmp_path / "a.png", "rb") as image:
        result = subprocess.run(command, cwd=ROOT, stdin=image, capture_output=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert decode_image(result.stdout).pixels.shape == (600, 600, 1)
    # A reader that leaves.
    process = start("experiments.denoise", str(finished_run), str(tmp_path / "a.png"), "-o", "-")
    process.stdout.close()
    assert process.wait(300) == 1
    with process.stderr:
        error = process.stderr.read()
    assert "standard output was closed before all of the image was written" in error
    assert "Traceback" not in error
    assert "Exception ignored" not in error
