"""Does the decoder change what the code is worth? Logistic regression on the codes of four decoders' encoders, MNIST.

python -m experiments.ablate --config=configs/ablations/features_mnist.py

nearest    the encoder was pre-trained with a decoder that resizes to the nearest neighbour, then convolves
k3         ... with transposed convolutions, kernel 3
k4         ... with transposed convolutions, kernel 4
subpixel   ... that convolves, then rearranges channels into pixels
random     the same encoder without pre-training: what its shape alone is worth

All encoders have the same layers: 2 x 2 stages of 32 channels, a code of 7 x 7 x 32. For each decoder and seed one
denoising autoencoder is trained for three epochs on images without labels, at the rate that `tuned_mnist.py` chose for
it. Its encoder is then frozen, and logistic regression learns the classes from its code with 100, 1,000 and all labels.
Codes differ in scale, so the rate of the regression is tuned for each contender at each number of labels: seven trials,
by the accuracy on the validation split, each on an encoder of its own seed. Twelve comparisons take nine seeds.
Differences below half a point do not count.

64 pre-trainings of three epochs, 120 trials and 135 runs of the regression: 1,000 steps, or ten epochs with all labels,
forward through the encoder only. An hour and three quarters on two cores of an Intel Xeon with AVX-512, partly with
other work on them. Expect an accuracy of 0.83, 0.945 and 0.983 for nearest with 100, 1,000 and all labels, no
difference shown for any decoder, and random 0.6 and 0.5 points below and 0.2 above ("What the code of each decoder is
worth" in docs/results-classes.md).
"""

from collections.abc import Mapping

from ml_collections import ConfigDict

from configs import transpose_mnist
from configs.ablations import grid_base, tuned_mnist

# The rate at which `tuned_mnist.py` trained the autoencoder of each contender.
RATES = {"nearest": 0.0348, "k3": 0.0495, "k4": 0.0495, "subpixel": 0.0348}


def frozen_codes(experiment: ConfigDict, rates: Mapping[str, float]) -> ConfigDict:
    """The grid of logistic regressions on the codes of several decoders' encoders.

    Args:
      experiment: config of a denoising autoencoder; its epochs are those of the pre-training.
      rates: name of each contender in `tuned_mnist.py` -> learning rate of its pre-training.
    """
    config = grid_base.get_config()
    config.experiment = experiment.copy_and_resolve_references()
    stack = config.experiment.stack
    config.experiment.task = "stack"
    stack.layerwise = False  # the whole autoencoder is one layer
    stack.pretrain_epochs, config.experiment.epochs = experiment.epochs, 10.0
    stack.embedding = "none"
    config.experiment.learning_rate = 1e-3
    config.experiment.eval.every = 1_000_000  # no validation before the end: each writes a checkpoint
    config.shared_run = {"stack": {"head": "none"}}
    config.shared_fields = ("model", "stack.pretrain_learning_rate")
    everyone = tuned_mnist.contenders().to_dict()
    for name, rate in rates.items():
        own = {"head": "frozen", "pretrained": "{shared_run}", "pretrain_learning_rate": rate}
        config.contenders[name] = {**everyone[name], "stack": own}
    config.contenders.random = {"stack": {"head": "frozen", "pretrain_epochs": 0.0}}
    config.axes = {"stack": {"labels": (100, 1000, 0)}}
    config.least_steps = 1000
    config.tuning.fields = {"learning_rate": (5e-4, 1e-2)}
    config.tuning.trials = 7
    config.seeds = 9
    config.reference = "nearest"
    config.metric = "accuracy"
    config.margin = 0.005
    config.baselines = False
    config.costs = False
    return config


def get_config() -> ConfigDict:
    experiment = transpose_mnist.get_config()
    experiment.epochs = 3.0
    return frozen_codes(experiment, RATES)
