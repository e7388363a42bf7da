"""Generators of digits whose decoder convolves transposed, or resizes and convolves: three seeds each.

python -m experiments.ablate --config=configs/ablations/gans_mnist.py

Six runs, about an hour on two cores of an AMD EPYC. By KID, no difference shown (0.0044 ± 0.0015 for upsample, 0.0116 ±
0.0029 for transpose): three seeds cannot show one; --config.seeds=6 could.
"""

from ml_collections import ConfigDict

from configs import gan_transpose_mnist
from configs.ablations import grid_base


def get_config() -> ConfigDict:
    config = grid_base.get_config()
    config.experiment = gan_transpose_mnist.get_config()
    config.contenders.upsample = {"model": {"decoder": "upsample"}}
    config.contenders.transpose = {"model": {"decoder": "transpose"}}
    config.seeds = 3
    config.reference = "upsample"
    config.metric = "kid"
    return config
