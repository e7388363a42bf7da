"""Denoising gray photos of any size with one network for all noise levels, which it is not told.

    python -m experiments.main --config=configs/photos_gray.py --config.data.dir=my_photos

A bias-free U-Net of 698,688 parameters that predicts the noise, on crops of 64 x 64 and noise of 0 to 55 of 255, not
clipped, as in the literature: docs/method.md, "The U-Net". Colour photos are converted to gray. A step takes 15 billion
multiplications, 0.33 s on two cores of an AMD EPYC with AVX2. Trained on 382 crops of 180 x 180 pixels it restores
BSD68 better than BM3D: docs/results-photos.md. If the loss jumps, try --config.learning_rate=1e-3.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.data.name = "folder"
    config.data.crop = 64
    config.data.channels = "1"
    config.augment.flip = True
    config.augment.quarter_turns = True
    config.noise.level = 0.0
    config.noise.level_max = 55 / 255
    config.noise.clip = False
    config.model.architecture = "unet"
    config.model.decoder = "upsample"
    config.model.features = (32, 48, 96)
    config.model.factors = (2, 2, 2)
    config.model.blocks = 2
    config.model.residual = True
    config.model.bias = False
    config.model.init = "phase"
    config.loss = "l1"  # the squared error would count the highest levels almost alone
    config.batch_size = 16
    config.epochs = 0.0
    config.steps = 15_000
    config.learning_rate = 2e-3
    config.eval.every = 500
    config.eval.levels = (15 / 255, 25 / 255, 50 / 255)
    return config
