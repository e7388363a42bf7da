"""What image files may cost at most, and the error that says what is wrong with one."""

from __future__ import annotations

import dataclasses


class ImageError(ValueError):
    """What is wrong with an image file, and the remedy, in one line without the file's name: callers add the name."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """What is refused because it is too large, so that no file can exhaust memory or time.

    Attributes:
      pixels: height x width of one image.
      file_bytes: size of one file, or of one member of an archive.
      members: entries of a folder with its subfolders, or members of an archive.
      memory: bytes of decoded images that are held at the same time.
    """

    pixels: int = 250_000_000
    file_bytes: int = 2 << 30
    members: int = 5_000_000
    memory: int = 8 << 30


LIMITS = Limits()
