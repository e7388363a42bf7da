"""How far this process is in the sequence of collectives that all processes of a run make.

A process that lives but no longer works, for example in an endless loop, still gives signs of life. It shows by this:
it has begun fewer collectives than the others, and is not waiting for devices while they are.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator


@dataclasses.dataclass(frozen=True)
class Turn:
    """Where a process is.

    Attributes:
      begun: number of collectives that it has begun.
      waits: whether it waits for devices now.
    """

    begun: int = 0
    waits: bool = False

    def text(self) -> str:
        """For the store of the coordination service."""
        return f"{self.begun} {int(self.waits)}"

    @classmethod
    def read(cls, text: str) -> Turn:
        """The turn that `text` gave."""
        begun, waits = text.split()
        return cls(int(begun), waits == "1")


_now = Turn()


def now() -> Turn:
    """The turn of this process."""
    return _now


@contextlib.contextmanager
def collective() -> Iterator[None]:
    """Surrounds a call that all processes make together."""
    global _now
    _now = Turn(_now.begun + 1, _now.waits)
    with waiting():
        yield


@contextlib.contextmanager
def waiting() -> Iterator[None]:
    """Surrounds whatever waits for devices. After an error the process counts as waiting still: see `Partners`."""
    global _now
    before = _now.waits
    _now = Turn(_now.begun, True)
    yield
    _now = Turn(_now.begun, before)
