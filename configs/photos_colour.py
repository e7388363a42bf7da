"""Denoising colour photos of any size: `photos_gray.py` with three channels.

    python -m experiments.main --config=configs/photos_colour.py --config.data.dir=my_photos

Gray photos are converted to colour. Results: docs/results-photos.md.
"""

from ml_collections import ConfigDict

from configs import photos_gray


def get_config() -> ConfigDict:
    config = photos_gray.get_config()
    config.data.channels = "3"
    return config
