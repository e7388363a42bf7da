"""Classifying notMNIST with a stacked denoising autoencoder: three dense layers, pre-trained, then fine-tuned.

python -m experiments.main --config=configs/stacked_notmnist.py

Expect, if only notMNIST small is on disk, a test accuracy of 94.2 % in 249 s on two cores of an AMD EPYC. Restoration
by all three layers is poor (7.7 to 7.4 dB with half of the pixels masked): that needs stack.unroll_epochs; the
classification does not.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.task = "stack"
    config.data.name = "notmnist/auto"  # large where it is on disk, else small
    config.model.architecture = "dense"
    config.model.hidden = (1000, 1000, 1000)
    config.noise.kind = "masking"
    config.noise.level = 0.5
    config.augment.shift = 1.5
    config.augment.turn = 8.0
    config.augment.zoom = 0.08
    config.stack.levels = (0.5, 0.5, 0.5)
    config.stack.pretrain_epochs = 10.0
    config.stack.head_noise = 0.2
    config.stack.dropout = 0.2
    config.stack.label_smoothing = 0.1
    config.epochs = 60.0
    config.learning_rate = 1e-3
    return config
