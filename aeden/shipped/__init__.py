"""Models that ship with aeden, under the names by which `aeden denoise` takes them.

Each is a folder beside this file as `aeden export` leaves it, with its card and the command that makes it again. To add
one: train it, `aeden export runs/NAME aeden/shipped/NAME --half --made-by=COMMAND`, and name it in `SHIPPED`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

# Where the folders lie.
FOLDER = Path(__file__).parent
# Name of each model -> what it is for, in one line.
SHIPPED: dict[str, str] = {
    "photos_colour": "colour photos with Gaussian noise of 0 to 55 of 255",
    "photos_gray": "gray photos with Gaussian noise of 0 to 55 of 255",
    "text": "pages of text, forms, charts and line art with Gaussian noise of 0.05 to 0.45",
}
# Names for several of them -> channels of an image -> the one that restores it.
GROUPS: dict[str, dict[int, str]] = {"photos": {1: "photos_gray", 3: "photos_colour"}}


def members(names: Sequence[str]) -> list[str]:
    """The names with those of its models in place of each group, without repetitions."""
    return list(dict.fromkeys(one for name in names for one in GROUPS.get(name, {0: name}).values()))
