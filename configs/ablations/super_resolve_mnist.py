"""Six decoders enlarge MNIST, each with the learning rate that suits it.

python -m experiments.ablate --config=configs/ablations/super_resolve_mnist.py:2
python -m experiments.ablate --config=configs/ablations/super_resolve_mnist.py:4

Twice, or four times. The protocol of `tuned_mnist.py`: every contender gets the same trials, judged on the validation
split, and then the same seeds. All are also compared with interpolation on the same images. By 4 the decoder enlarges
in two stages of 2.

nearest        resize to the nearest neighbour, then convolve
bilinear       resize bilinearly, then convolve
k3, k4         transposed convolution with kernels of 3 and 4
subpixel       convolve, then rearrange channels into pixels
large_context  transposed convolution with a kernel of 7 and a parallel one of 3

Twice: 54 trials, 36 more since the best rate stayed at the edge of the range, and 54 runs of one epoch, 430 steps,
each: an hour and a half on two cores of an AMD EPYC. Four times: 30 trials of a range that these suggested, 12 more
since the best rate of one decoder was the lowest, and 54 runs: an hour (docs/results-super-resolution.md). Three times:
42 trials and 54 runs, not measured yet.
"""

from ml_collections import ConfigDict

from configs import super_resolve_mnist
from configs.ablations import grid_base

FACTORS = ("2", "3", "4")


def get_config(factor: str = "2") -> ConfigDict:
    config = grid_of(super_resolve_mnist.get_config(), factor)
    config.experiment.epochs = 1.0
    config.tuning.fields.learning_rate = (1.2e-2, 2.4e-1)
    # Those that have been run, before the range and the number of trials of the others were known to do.
    if factor == "2":
        config.tuning.fields.learning_rate = (3e-3, 6e-2)
        config.tuning.trials = 9
    elif factor == "4":
        config.tuning.trials = 5
    return config


def grid_of(experiment: ConfigDict, factor: str) -> ConfigDict:
    """The grid of an experiment in super-resolution, without the range of its rates.

    Args:
      experiment: what all runs share.
      factor: one of `FACTORS`.
    """
    grid_base.check_name(factor, FACTORS)
    config = six_decoders(experiment)
    config.axes = {"super_resolve": {"factor": (int(factor),)}}
    config.tuning.widenings = 2  # for MNIST twice, some of the best rates were still the highest after one
    return config


def six_decoders(experiment: ConfigDict) -> ConfigDict:
    """The grid of the six decoders in any experiment, without what is tuned."""
    config = grid_base.get_config()
    config.experiment = experiment
    config.contenders = contenders()
    config.tuning.trials = 7
    config.seeds = 9
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
