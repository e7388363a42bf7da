"""Random transforms of images: noise and augmentation.

How to add a kind of noise: write its function in `noise.py`, add it to `KINDS` there with its largest level, and test
its distribution in `tests/transforms/test_noise.py`.
"""

from collections.abc import Callable

from aeden.shapes import Array

# (one random key per image [b], images [b, h, w, c] in [0, 1]) -> transformed images [b, h, w, c]
Transform = Callable[[Array, Array], Array]
