"""An image on standard input or output."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

from aeden.cli.inputs import STANDARD
from aeden.data.image_limits import LIMITS, ImageError
from aeden.data.image_output import Page, write_image


def read_standard_input() -> bytes:
    """The content of standard input.

    Raises:
      ImageError: nobody sends any, or more than an image file may have.
    """
    if sys.stdin.isatty():
        raise ImageError(f"it is a terminal: send an image to it, as in `aeden denoise RUN {STANDARD} -o OUT < FILE`")
    # It may never end.
    content = sys.stdin.buffer.read(LIMITS.file_bytes + 1)
    if not content:
        raise ImageError("it is empty: send an image to it")
    LIMITS.check_size(len(content))
    return content


def write_standard_output(name: str, pages: Iterator[Page]) -> None:
    """Writes an image to standard output.

    Raises:
      ImageError: nobody reads it.
    """
    content = io.BytesIO()
    write_image(content, name, pages)
    try:
        sys.stdout.buffer.write(content.getbuffer())
        sys.stdout.buffer.flush()
    except (BrokenPipeError, io.UnsupportedOperation) as error:
        raise ImageError("standard output was closed before all of the image was written") from error
