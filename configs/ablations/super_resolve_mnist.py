"""Six decoders enlarge MNIST two and four times, each with the learning rate that suits it.

python -m experiments.ablate --config=configs/ablations/super_resolve_mnist.py

The protocol of `tuned_mnist.py`: every contender gets the same nine trials at each factor, judged on the validation
split, and then nine paired seeds. All are also compared with interpolation on the same images. By 4 the decoder
enlarges in two stages of 2.

nearest        resize to the nearest neighbour, then convolve
bilinear       resize bilinearly, then convolve
k3, k4         transposed convolution with kernels of 3 and 4
subpixel       convolve, then rearrange channels into pixels
large_context  transposed convolution with a kernel of 7 and a parallel one of 3

108 trials and 108 runs of one epoch, 430 steps, each (144 trials if the best rates lie at the edge of the range at both
factors, as at 2). Factor 2 takes an hour and a half on two cores of an AMD EPYC (docs/results-super-resolution.md);
factor 4 has not been measured yet.
By counting: 3 to 15 million multiplications per image, and 279 trillion in all training steps, at three times the
forward pass.
"""

from ml_collections import ConfigDict

from configs import super_resolve_mnist
from configs.ablations import grid_base


def get_config() -> ConfigDict:
    config = grid_base.get_config()
    config.experiment = super_resolve_mnist.get_config()
    config.experiment.epochs = 1.0
    config.contenders = contenders()
    config.axes = {"super_resolve": {"factor": (2, 4)}}
    config.tuning.fields.learning_rate = (3e-3, 6e-2)
    config.tuning.trials = 9
    config.tuning.widenings = 2  # at a factor of 2 some of the best rates are still the highest after one
    config.seeds = 9  # ten comparisons take nine
    config.reference = "nearest"
    return config


def contenders() -> ConfigDict:
    """Name -> fields of the experiment, as in `tuned_mnist.py`."""
    found = ConfigDict(sort_keys=False)
    found.nearest = {"model": {"decoder": "upsample"}}
    found.bilinear = {"model": {"decoder": "upsample", "resize": "bilinear"}}
    found.k3 = {"model": {"decoder": "transpose"}}
    found.k4 = {"model": {"decoder": "transpose", "decoder_kernel_size": 4}}
    found.subpixel = {"model": {"decoder": "subpixel"}}
    found.large_context = {"model": {"decoder": "large_context", "decoder_kernel_size": 7, "init": "phase"}}
    return found
