"""Measures how well runs restore images: the same as `aeden evaluate`.

python -m experiments.evaluate RUN... --images FOLDER_OR_FILES
"""

from __future__ import annotations

import sys

from aeden.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "evaluate")
    main.start()
