"""Denoising notMNIST with the UpSampling2D decoder.

python -m experiments.main --config=configs/upsample_notmnist.py
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.data.name = "notmnist"
    config.model.decoder = "upsample"
    config.epochs = 20.0  # a quarter of the images of MNIST
    return config
