"""The main decoders on MNIST at 1, 4 and 16 times the length of `tuned_mnist.py`: does the answer change?

python -m experiments.ablate --config=configs/ablations/longer_mnist.py

nearest    resize to the nearest neighbour, then convolve (Keras' UpSampling2D); at 3, 12 and 48 epochs
k3         transposed convolution, kernel 3 (Keras' Conv2DTranspose); at 3, 12 and 48 epochs
k4         transposed convolution, kernel 4; at 3 and 12 epochs
subpixel   convolve, then rearrange channels into pixels; at 3 and 12 epochs

The learning rate of each is tuned at each length, as in `tuned_mnist.py`. Its seven comparisons take nine seeds to show
a difference. These seeds are not those of `tuned_mnist.py`, so that the runs at 3 epochs repeat it independently. The
report compares the contenders at equal steps, at equal seconds and at equal multiplications ("Convergence" in
docs/method.md).

Four hours for the 96 trials on two cores of an AMD EPYC, with other work on them. The trials and the runs made so far
are in docs/results-decoders.md.
"""

from ml_collections import ConfigDict

from configs import transpose_mnist
from configs.ablations import grid_base, tuned_mnist


def get_config() -> ConfigDict:
    config = grid_base.get_config()
    config.experiment = transpose_mnist.get_config()
    config.experiment.seed = 9
    config.contenders = tuned_mnist.main_contenders()
    config.axes.epochs = (3.0, 12.0, 48.0)
    config.leave_out = ("k4, epochs=48", "subpixel, epochs=48")
    config.tuning.fields.learning_rate = (6e-3, 1e-1)
    config.tuning.trials = 9
    config.seeds = 9
    config.reference = "nearest"
    config.baselines = False
    return config
