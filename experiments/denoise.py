"""Cleans images with a trained run: the same as `aeden denoise`.

python -m experiments.denoise RUN INPUT... -o OUT
"""

from __future__ import annotations

import sys

from aeden.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "denoise")
    main.start()
