"""The image that the demo restores: an example, a file or a drawing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aeden.data.image_files import ImageError, Limits, decode_image
from aeden.demo.comparison import LONGEST, shrink
from aeden.demo.examples import EXAMPLES

FILE, DRAWING = "my file", "my drawing"
SOURCES = (*EXAMPLES, FILE, DRAWING)
# What may be uploaded.
UPLOAD = Limits(pixels=30_000_000, file_bytes=20 << 20)


def get_image(
    source: str, file: str | None, drawing: Mapping[str, Any] | None, longest: int, invert: bool
) -> np.ndarray:
    """The image that was chosen: float32 [h, w, c] in [0, 1].

    Args:
      source: one of `SOURCES`.
      file: path of the file that was uploaded, if any.
      drawing: what the drawing board holds, with "composite" uint8 [h, w, 4], if anything was drawn.
      longest: its longest side in pixels, at most `LONGEST`; 0 for `LONGEST`. It is scaled down to this, never up.
      invert: whether to swap black and white.

    Raises:
      ImageError: there is no image, or it cannot be read.
    """
    if source == FILE:
        if file is None:
            raise ImageError("no file was chosen yet: choose one")
        image = decode_image(Path(file), limits=UPLOAD).opaque().unit()
    elif source == DRAWING:
        image = _drawn(drawing)
    else:
        image = EXAMPLES[source]().astype(np.float32) / 255
    image = shrink(image, min(longest or LONGEST, LONGEST))
    return 1 - image if invert else image


def _drawn(drawing: Mapping[str, Any] | None) -> np.ndarray:
    """A drawing on white, in gray: float32 [h, w, 1] in [0, 1]."""
    composite = None if drawing is None else drawing.get("composite")
    if composite is None:
        raise ImageError("nothing was drawn yet: draw something")
    pixels = np.asarray(composite, np.float32) / 255
    gray, opacity = pixels[..., :3].mean(axis=2), pixels[..., 3]
    image = gray * opacity + 1 - opacity
    if image.min() > 0.99:
        raise ImageError("nothing was drawn yet: draw something")
    return image[..., None].astype(np.float32)
