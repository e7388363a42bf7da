"""Denoising your own images, of any size, gray or colour: trained on random crops, tested on whole images.

    python -m experiments.main --config=configs/denoise_folder.py --config.data.dir=my_images

Ten images are enough to start. One model serves all noise levels of its range. Not measured yet.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.data.name = "folder"
    config.data.crop = 64
    config.augment.flip = True
    config.augment.quarter_turns = True
    config.noise.level = 0.0  # of white, so 0 to 56 of 255
    config.noise.level_max = 0.22
    config.eval.levels = (0.05, 0.1, 0.2)
    config.model.skip = True
    config.loss = "mse"
    config.batch_size = 64
    config.epochs = 0.0
    config.steps = 8000
    config.eval.every = 500
    config.learning_rate = 1e-2
    return config
