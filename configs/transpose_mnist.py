"""Denoising MNIST with the Conv2DTranspose decoder.

python -m experiments.main --config=configs/transpose_mnist.py
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.data.name = "mnist"
    config.model.decoder = "transpose"
    return config
