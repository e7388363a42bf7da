"""Enlarging MNIST from 14 x 14 to 28 x 28 pixels: two convolutions at the low resolution, then a decoder.

    python -m experiments.main --config=configs/super_resolve_mnist.py
    python -m experiments.main --config=configs/super_resolve_mnist.py --config.super_resolve.factor=4 --workdir=runs/x4

`summary.json` has the figures of the network (`test.psnr`) and of interpolation (`bicubic.psnr`). With the first
command and seed 0 they are 28.60 and 19.73 dB, after two minutes on two cores of an AMD EPYC.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.task = "super_resolve"
    config.data.name = "mnist"
    config.noise.level = 0.0
    config.model.decoder = "upsample"
    config.model.features = (32, 32)
    config.super_resolve.factor = 2
    config.epochs = 2.0
    config.learning_rate = 1e-2
    return config
