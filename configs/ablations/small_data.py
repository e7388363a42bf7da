"""Does the comparison depend on the number of training images? Both decoders on 300 to 10,000 of MNIST, eight seeds.

python -m experiments.ablate --config=configs/ablations/small_data.py

All runs take the same number of steps, so that little but the variety of the images differs. (With 300 images, every
third batch is smaller than the others.) 40 minutes on two cores of an AMD EPYC. Results: docs/results-decoders.md.
"""

from ml_collections import ConfigDict

from configs import transpose_mnist
from configs.ablations import grid_base


def get_config() -> ConfigDict:
    config = grid_base.get_config()
    config.experiment = transpose_mnist.get_config()
    config.experiment.epochs = 0.0
    config.experiment.learning_rate = 3e-3  # for all contenders, as published before tuned_mnist.py
    config.experiment.steps = 600
    config.experiment.eval.every = 200
    config.contenders.nearest = {"model": {"decoder": "upsample"}}
    config.contenders.k3 = {"model": {"decoder": "transpose"}}
    config.axes = {"data": {"train_limit": (300, 1000, 3000, 10_000)}}
    config.seeds = 8
    config.reference = "nearest"
    return config
