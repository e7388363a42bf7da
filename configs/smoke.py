"""A run of a few seconds, to check that everything works: a small network on a few hundred drawn digits.

    python -m experiments.main --config=configs/smoke.py

Its results mean nothing.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.data.name = "glyphs/digits"
    config.data.limit = 320
    config.model.features = (8, 8)
    config.batch_size = 64
    config.epochs = 4.0
    config.log_every = 1
    return config
