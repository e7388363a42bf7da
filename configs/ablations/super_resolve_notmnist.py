"""The six decoders of `super_resolve_mnist.py` on notMNIST small, each tuned.

python -m experiments.ablate --config=configs/ablations/super_resolve_notmnist.py:2
python -m experiments.ablate --config=configs/ablations/super_resolve_notmnist.py:4

42 trials and 54 runs of four epochs, 472 steps, each: half an hour for each factor, on two cores of an Intel Xeon with
AVX-512 (docs/results-super-resolution.md).
"""

from ml_collections import ConfigDict

from configs import super_resolve_notmnist
from configs.ablations import super_resolve_mnist


def get_config(factor: str = "2") -> ConfigDict:
    config = super_resolve_mnist.grid_of(super_resolve_notmnist.get_config(), factor)
    config.experiment.epochs = 4.0
    config.tuning.fields.learning_rate = (1.2e-2, 2.4e-1)
    return config
