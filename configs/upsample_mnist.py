"""Denoising MNIST with the UpSampling2D decoder.

python -m experiments.main --config=configs/upsample_mnist.py
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.data.name = "mnist"
    config.model.decoder = "upsample"
    return config
