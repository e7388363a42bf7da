"""Does the comparison depend on the noise? Both decoders at five levels of Gaussian noise on MNIST, eight seeds.

python -m experiments.ablate --config=configs/ablations/noise_levels.py

Each level has networks of its own, trained on 10,000 images. For other noise, add
--config.experiment.noise.kind=salt_and_pepper; for noise that is not clipped, --config.experiment.noise.clip=False.
Not measured yet.
"""

from ml_collections import ConfigDict

from configs import transpose_mnist
from configs.ablations import grid_base


def get_config() -> ConfigDict:
    config = grid_base.get_config()
    config.experiment = transpose_mnist.get_config()
    config.experiment.data.train_limit = 10_000
    config.experiment.epochs = 6.0
    config.experiment.learning_rate = 3e-3  # for all contenders, as published before tuned_mnist.py
    config.contenders.nearest = {"model": {"decoder": "upsample"}}
    config.contenders.k3 = {"model": {"decoder": "transpose"}}
    config.axes = {"noise": {"level": (0.1, 0.2, 0.3, 0.4, 0.5)}}
    config.seeds = 8
    config.reference = "nearest"
    return config
