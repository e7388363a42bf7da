"""The six decoders of `super_resolve_mnist.py` on notMNIST small, two and four times, each tuned.

python -m experiments.ablate --config=configs/ablations/super_resolve_notmnist.py

108 trials and 108 runs of four epochs, 472 steps, each: a tenth more multiplications than on MNIST.
Not measured yet.
"""

from ml_collections import ConfigDict

from configs import super_resolve_notmnist
from configs.ablations import super_resolve_mnist


def get_config() -> ConfigDict:
    config = super_resolve_mnist.get_config()
    config.experiment = super_resolve_notmnist.get_config()
    config.experiment.epochs = 4.0
    return config
