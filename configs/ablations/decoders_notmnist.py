"""The six decoders of `decoders_mnist.py` on notMNIST small, eight seeds each.

python -m experiments.ablate --config=configs/ablations/decoders_notmnist.py

An hour on two cores of an AMD EPYC. Results: docs/results-decoders.md.
"""

from ml_collections import ConfigDict

from configs import transpose_notmnist
from configs.ablations import decoders_mnist


def get_config() -> ConfigDict:
    config = decoders_mnist.get_config()
    levels = config.experiment.eval.levels
    config.experiment = transpose_notmnist.get_config()
    config.experiment.epochs = 10.0
    config.experiment.learning_rate = 3e-3  # for all contenders, as published before tuned_notmnist.py
    config.experiment.eval.levels = levels
    return config
