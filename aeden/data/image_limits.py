"""What image files may cost at most, and the error that says what is wrong with one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

# The remedy for what is too large.
SMALLER = "scale it down or cut it into parts"


class ImageError(ValueError):
    """What is wrong with an image file, and the remedy, in one line without the file's name: callers add the name."""


class RefusedSource(ValueError):
    """Why a folder or archive is refused as a whole although it is not damaged, with its name and the remedy."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """What is refused because it is too large, so that no file can exhaust time or memory.

    Attributes:
      pixels: height x width of one image. Pillow has a limit of its own, twice `PIL.Image.MAX_IMAGE_PIXELS`: for larger
        images raise both.
      file_bytes: size of one file, or of one member of an archive.
      members: entries of a folder and its subfolders, or members of an archive.
      archive_bytes: what the members of an archive have in all once they are unpacked.
      memory: bytes of decoded images that are held at the same time.
    """

    pixels: int = 178_000_000
    file_bytes: int = 2 << 30
    members: int = 2_000_000
    archive_bytes: int = 1 << 40
    memory: int = 8 << 30

    def check_size(self, size: int) -> None:
        """Raises ImageError for a file of too many bytes."""
        if size > self.file_bytes:
            raise ImageError(f"{in_units(size)}, more than {in_units(self.file_bytes)}: {SMALLER}")

    def check_pixels(self, width: int, height: int) -> None:
        """Raises ImageError for an image of too many pixels, or of none."""
        if width < 1 or height < 1:
            raise ImageError(f"{width} x {height} pixels: there is no image in it")
        if width * height > self.pixels:
            raise ImageError(f"{width:,} x {height:,} pixels, more than {self.pixels:,} in all: {SMALLER}")

    def check_members(self, count: int, source: Path) -> None:
        """Raises ValueError for a folder or archive with too many entries."""
        if count > self.members:
            raise RefusedSource(f"{source} has more than {self.members:,} entries: divide it into several")


LIMITS = Limits()


def in_units(count: int) -> str:
    """A number of bytes for messages, e.g. "2.0 GiB"."""
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if count >= 1 << power:
            return f"{count / (1 << power):,.1f} {unit}"
    return f"{count} bytes"
