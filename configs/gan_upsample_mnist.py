"""A generator of digits whose decoder resizes and convolves, against a discriminator.

python -m experiments.main --config=configs/gan_upsample_mnist.py

Not measured yet: it was not trained to its end.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.task = "gan"
    config.data.name = "mnist"
    config.model.decoder = "upsample"
    config.model.features = (32, 64)
    config.batch_size = 64
    config.epochs = 0.0
    config.steps = 6000
    config.learning_rate = 1e-3
    config.gan.loss = "nonsaturating"
    config.gan.r1 = 0.1
    config.gan.r2 = 0.0
    config.gan.average = 0.998
    config.eval.every = 1000
    config.log_every = 100
    return config
