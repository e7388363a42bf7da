"""Arrays that were drawn once, kept in the cache as one folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np


def save_arrays(arrays: Mapping[str, np.ndarray], folder: Path) -> None:
    """Writes NAME.npy for each array into a new folder, which is there as a whole or not at all.

    Raises:
      OSError: it cannot be written, e.g. because the disk is full.
    """
    temporary = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        for name, array in arrays.items():
            np.save(temporary / f"{name}.npy", array)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
