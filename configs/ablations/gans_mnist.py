"""Generators of digits whose decoder convolves transposed, or resizes and convolves: three seeds each.

python -m experiments.ablate --config=configs/ablations/gans_mnist.py

Not measured yet.
"""

from ml_collections import ConfigDict

from configs import gan_transpose_mnist
from configs.ablations import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.experiment = gan_transpose_mnist.get_config()
    config.contenders.upsample = {"model": {"decoder": "upsample"}}
    config.contenders.transpose = {"model": {"decoder": "transpose"}}
    config.seeds = 3
    config.reference = "upsample"
    config.metric = "kid"
    return config
