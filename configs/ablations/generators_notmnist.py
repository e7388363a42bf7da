"""The four generators of `generators_mnist.py` on notMNIST small, tuned alike, seven seeds.

python -m experiments.ablate --config=configs/ablations/generators_notmnist.py
python -m experiments.ablate --config=configs/ablations/generators_notmnist.py:conditional

Steps and networks are those on MNIST, so that a run takes as many multiplications: 36 trials and 28 runs. 2,000 samples
are judged, about as many as there are test images, so that the figures of both depend alike on their number. Not
measured yet.
"""

from ml_collections import ConfigDict

from configs.ablations import generators_mnist


def get_config(variant: str = "unconditional") -> ConfigDict:
    config = generators_mnist.get_config(variant)
    config.experiment.data.name = "notmnist"
    config.experiment.gan.samples = 2000
    return config
