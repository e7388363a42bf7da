"""Does the decoder change what the code is worth? The grid of `features_mnist.py` on notMNIST small.

python -m experiments.ablate --config=configs/ablations/features_notmnist.py

Autoencoders are pre-trained for ten epochs, at the rates that `tuned_notmnist.py` chose. The standard
error of an accuracy of 95 % on its 1,843 test images is half a point; they are the same for all contenders. 64
pre-trainings of ten epochs, 105 trials and 135 runs of the regression. Not measured yet.
"""

from ml_collections import ConfigDict

from configs import transpose_notmnist
from configs.ablations import features_mnist

# The rate at which `tuned_notmnist.py` trained the autoencoder of each contender.
RATES = {"nearest": 0.0292, "k3": 0.0495, "k4": 0.0348, "subpixel": 0.0292}


def get_config() -> ConfigDict:
    experiment = transpose_notmnist.get_config()
    experiment.epochs = 10.0
    return features_mnist.frozen_codes(experiment, RATES)
