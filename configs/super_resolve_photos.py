"""Enlarging photos of any size twice: crops of 48 x 48 pixels to train on, whole photos to test on.

    python -m experiments.main --config=configs/super_resolve_photos.py --config.data.dir=my_photos
    python -m experiments.main --config=configs/super_resolve_photos.py --config.data.dir=my_photos \
        --config.data.channels=3 --config.super_resolve.factor=4 --workdir=runs/photos_x4

Gray by default; colour with data.channels=3. The network is added to the bicubic enlargement. Photos lose up to
factor - 1 rows at the bottom and columns at the right, so that the factor divides them.
A finished run enlarges your own images: `aeden enlarge runs/super_resolve_photos small.png -o large.png`.

On the 400 gray photos of 180 x 180 pixels of Zhang et al. 2017 (DnCNN), of which 40 are tested, the first command has a
PSNR of 29.99 dB with seed 0, bicubic interpolation 28.09 dB and Lanczos 28.46 dB.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.task = "super_resolve"
    config.data.name = "folder"
    config.data.crop = 48
    config.data.channels = "1"
    config.augment.flip = True
    config.augment.quarter_turns = True
    config.noise.level = 0.0
    config.model.decoder = "upsample"
    config.model.features = (32, 32, 32)
    config.super_resolve.factor = 2
    config.super_resolve.residual = True
    config.loss = "l1"
    config.batch_size = 16
    config.epochs = 0.0
    config.steps = 1500
    config.learning_rate = 2e-3
    config.eval.every = 250
    return config
