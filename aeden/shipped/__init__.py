"""Models that ship with aeden, under the names by which `aeden denoise` takes them.

Each is a folder beside this file as `aeden export` leaves it, with its card and the command that makes it again. To add
one: train it, `aeden export runs/NAME aeden/shipped/NAME --half --made-by=COMMAND`, and name it in `SHIPPED`.
"""

from __future__ import annotations

from pathlib import Path

# Where the folders lie.
FOLDER = Path(__file__).parent
# Name of each model -> what it is for, in one line.
SHIPPED: dict[str, str] = {}
