"""Denoising pages of text and line art, drawn from fonts, with one network for all noise levels.

    python -m experiments.main --config=configs/text.py

A U-Net of 395,265 parameters (0.8 MB in half precision) that predicts the noise, on crops of 64 x 64 and noise of 0.05
to 0.45, clipped. It has biases: clipped noise darkens white paper by an amount that does not scale with the image.
Results: docs/results-photos.md.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.data.name = "pages"
    config.data.crop = 64
    config.noise.level = 0.05
    config.noise.level_max = 0.45
    config.noise.clip = True
    config.model.architecture = "unet"
    config.model.decoder = "upsample"
    config.model.features = (32, 48, 64)
    config.model.factors = (2, 2, 2)
    config.model.blocks = 2
    config.model.residual = True
    config.model.init = "phase"
    config.loss = "mse"
    config.batch_size = 16
    config.epochs = 0.0
    config.steps = 15_000
    config.learning_rate = 3e-3
    config.eval.every = 500
    config.eval.levels = (0.1, 0.2, 0.3, 0.4)
    return config
