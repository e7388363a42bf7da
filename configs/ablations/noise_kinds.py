"""Does the answer hold for other noise? Four decoders, trained on one kind, each with the learning rate that suits it.

python -m experiments.ablate --config=configs/ablations/noise_kinds.py:mnist_blocks
python -m experiments.ablate --config=configs/ablations/noise_kinds.py:notmnist_blind

After the colon come the data, mnist or notmnist, and the noise: salt_and_pepper, masking, speckle, poisson, blocks or
strokes, all at level 0.4, or blind: Gaussian noise of a level between 0.1 and 0.5, different for each image, which the
network is not told. Gaussian noise of 0.4 is in `tuned_mnist.py` and `tuned_notmnist.py`.

nearest    resize to the nearest neighbour, then convolve
k3, k4     transposed convolution with kernels of 3 and 4
subpixel   convolve, then rearrange channels into pixels

Each grid has 28 trials (more if the best rate lies at the edge of the range) and 36 runs of one epoch, 430 steps, on
MNIST, or of three epochs, 354 steps, on notMNIST: half an hour to an hour on two cores. The blind ones, which were run
first, have 36 trials. Results of those that have been run: docs/results-noises.md.
"""

import importlib

from ml_collections import ConfigDict

from configs.ablations import grid_base, tuned_mnist

KINDS = ("salt_and_pepper", "masking", "speckle", "poisson", "blocks", "strokes", "blind")
# Epochs on each data set: a third of those of the tuned grids of Gaussian noise.
EPOCHS = {"mnist": 1.0, "notmnist": 3.0}


def get_config(name: str = "mnist_salt_and_pepper") -> ConfigDict:
    grid_base.check_name(name, [f"{data}_{kind}" for data in EPOCHS for kind in KINDS])
    data, _, kind = name.partition("_")
    config = grid_base.get_config()
    config.experiment = importlib.import_module(f"configs.transpose_{data}").get_config()
    config.experiment.epochs = EPOCHS[data]
    config.contenders = tuned_mnist.main_contenders()
    config.tuning.fields.learning_rate = (6e-3, 1e-1)
    config.tuning.trials = 7
    if kind == "blind":
        config.experiment.noise.level, config.experiment.noise.level_max = 0.1, 0.5
        config.tuning.trials = 9
    else:
        config.experiment.noise.kind, config.experiment.noise.level = kind, 0.4
    config.seeds = 9
    config.reference = "nearest"
    return config
