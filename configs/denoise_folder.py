"""Denoising your own images, of any size, gray or colour: one network for all noise levels up to 56 of 255.

    python -m experiments.main --config=configs/denoise_folder.py --config.data.dir=my_images

Ten images are enough to start. A U-Net that predicts the noise (394,576 parameters for gray images), trained on random
crops of 64 x 64 and tested on whole images. The noise is clipped, as image files are. Not measured yet.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.data.name = "folder"
    config.data.crop = 64
    config.augment.flip = True  # not for images whose sides mean something to you, such as pages of text
    config.augment.quarter_turns = True
    config.noise.level = 0.0
    config.noise.level_max = 0.22
    config.model.architecture = "unet"
    config.model.decoder = "upsample"
    config.model.features = (32, 48, 64)
    config.model.factors = (2, 2, 2)
    config.model.blocks = 2
    config.model.residual = True
    config.model.init = "phase"
    config.loss = "l1"  # the squared error would count the highest levels almost alone
    config.batch_size = 16
    config.epochs = 0.0
    config.steps = 5_000
    config.learning_rate = 1e-3
    config.eval.every = 250
    config.eval.levels = (0.05, 0.1, 0.2)
    return config
