"""Classifying notMNIST with the encoder of a stacked convolutional autoencoder (upsample decoders).

python -m experiments.main --config=configs/stacked_conv_notmnist.py

Expect, if only notMNIST small is on disk, a test accuracy of 95.3 % in 600 s on two cores of an AMD EPYC with other
work running.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.task = "stack"
    config.data.name = "notmnist/auto"  # large where it is on disk, else small
    config.model.decoder = "upsample"
    config.model.features = (32, 64, 128)
    config.model.factors = (2, 2, 2)
    config.noise.kind = "masking"
    config.noise.level = 0.2
    config.augment.shift = 1.5
    config.augment.turn = 8.0
    config.augment.zoom = 0.08
    config.stack.levels = (0.2, 0.3, 0.3)
    config.stack.pretrain_epochs = 5.0
    config.stack.dropout = 0.3
    config.stack.label_smoothing = 0.1
    config.epochs = 40.0
    config.learning_rate = 3e-3
    return config
