"""The eighteen decoders of `tuned_mnist.py` on notMNIST small, each with the learning rate that suits it.

python -m experiments.ablate --config=configs/ablations/tuned_notmnist.py

About three and a half hours on two cores of an AMD EPYC, with other work on them. Results: docs/results-decoders.md.
"""

from ml_collections import ConfigDict

from configs import transpose_notmnist
from configs.ablations import tuned_mnist


def get_config() -> ConfigDict:
    config = tuned_mnist.get_config()
    measured = config.experiment.eval
    config.experiment = transpose_notmnist.get_config()
    config.experiment.epochs = 10.0
    config.experiment.eval = measured
    return config
