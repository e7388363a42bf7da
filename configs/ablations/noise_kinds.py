"""Does the answer hold for other noise? Four decoders, trained on each kind, each with the learning rate that suits it.

python -m experiments.ablate --config=configs/ablations/noise_kinds.py:mnist
python -m experiments.ablate --config=configs/ablations/noise_kinds.py:notmnist
python -m experiments.ablate --config=configs/ablations/noise_kinds.py:mnist_blind
python -m experiments.ablate --config=configs/ablations/noise_kinds.py:notmnist_blind

The first two train on salt and pepper, masking, speckle, photon noise, blocks and strokes, all at level 0.4; Gaussian
noise of 0.4 is in `tuned_mnist.py` and `tuned_notmnist.py`. The others train on Gaussian noise of a level between 0.1
and 0.5, different for each image and not told to the network.

nearest    resize to the nearest neighbour, then convolve
k3, k4     transposed convolution with kernels of 3 and 4
subpixel   convolve, then rearrange channels into pixels

216 trials and 240 runs of one epoch, 430 steps, on MNIST (of three, 354 steps, on notMNIST) for six kinds; a blind one
36 and 28. Not measured yet.
"""

import importlib

from ml_collections import ConfigDict

from configs.ablations import grid_base, tuned_mnist

KINDS = ("salt_and_pepper", "masking", "speckle", "poisson", "blocks", "strokes")
# Epochs on each data set: a third of those of the tuned grids of Gaussian noise.
EPOCHS = {"mnist": 1.0, "notmnist": 3.0}


def get_config(name: str = "mnist") -> ConfigDict:
    data, _, blind = name.partition("_")
    if data not in EPOCHS or blind not in ("", "blind"):
        known = ", ".join(f"{data}, {data}_blind" for data in EPOCHS)
        raise ValueError(f"{name!r} is none of its grids: after the colon comes one of {known}")
    config = grid_base.get_config()
    config.experiment = importlib.import_module(f"configs.transpose_{data}").get_config()
    config.experiment.epochs = EPOCHS[data]
    config.contenders = tuned_mnist.main_contenders()
    config.tuning.fields.learning_rate = (6e-3, 1e-1)
    config.tuning.trials = 9
    config.reference = "nearest"
    if blind:
        config.experiment.noise.level, config.experiment.noise.level_max = 0.1, 0.5
        config.seeds = 7  # three comparisons take seven
    else:
        config.axes = {"noise": {"kind": KINDS}}
        config.seeds = 10  # eighteen comparisons take ten
    return config
