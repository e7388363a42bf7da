"""Three decoders with and without skip connections, in networks of one to three stages.

python -m experiments.ablate --config=configs/ablations/skips_mnist.py

nearest    resize to the nearest neighbour, then convolve (Keras' UpSampling2D)
k3         transposed convolution, kernel 3 (Keras' Conv2DTranspose)
k4         transposed convolution, kernel 4

A stage halves height and width and has 32 channels. With skip connections the decoder also gets the encoder's features
at each size, as in a U-Net, and need not restore details from the code alone.

This grid does not tune: all runs have a learning rate of 2.5e-2. On MNIST at three epochs, the best rates of these
contenders lie between 2e-2 and 5e-2 in networks of two stages without skip connections. For one or three stages and for
skip connections the best rates are not known: all differences there, and differences between numbers of stages or with
and without skip connections, are differences at this one rate.

Its twelve comparisons take nine seeds to show a difference; with a fourth contender they would be eighteen and take
ten.

About 100 minutes on two cores of an AMD EPYC, partly with other work on them. What came out: docs/results-decoders.md,
"Skip connections and depth".
"""

from ml_collections import ConfigDict

from configs import transpose_mnist
from configs.ablations import grid_base, tuned_mnist


def get_config() -> ConfigDict:
    config = grid_base.get_config()
    config.experiment = transpose_mnist.get_config()
    config.experiment.epochs = 3.0
    config.experiment.learning_rate = 2.5e-2
    everyone = tuned_mnist.contenders()
    for name in ("nearest", "k3", "k4"):
        config.contenders[name] = everyone[name]
    config.axes.model = {"stages": (1, 2, 3), "skip": (False, True)}
    config.seeds = 9
    config.reference = "nearest"
    config.baselines = False
    return config
