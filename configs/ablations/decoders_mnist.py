"""Six decoders on MNIST, eight seeds each: which restores best, what artifacts it leaves, what it costs.

python -m experiments.ablate --config=configs/ablations/decoders_mnist.py

nearest    resize to the nearest neighbour, then convolve (kernel 3)
bilinear   resize bilinearly, then convolve
before     convolve, then resize to the nearest neighbour: 9 multiplications in place of 16 for `nearest`
k3         transposed convolution, kernel 3, stride 2: uneven overlap
k4         transposed convolution, kernel 4, stride 2: even overlap
subpixel   convolve, then rearrange channels into pixels, with ICNR initialisation

All decoders have the same widths. --config.pairing=parameters (or multiplications) chooses the widths with which they
have the same size; in the same folder it makes only the runs that differ, and its report replaces the first one. With
fewer than eight seeds, five comparisons together cannot show a difference. About 75 minutes on two cores of an AMD
EPYC. Results: docs/results-decoders.md.
"""

from ml_collections import ConfigDict

from configs import transpose_mnist
from configs.ablations import grid_base


def get_config() -> ConfigDict:
    config = grid_base.get_config()
    config.experiment = transpose_mnist.get_config()
    config.experiment.epochs = 3.0
    config.experiment.learning_rate = 3e-3  # for all contenders, as published before tuned_mnist.py
    config.experiment.eval.levels = (0.1, 0.2, 0.3, 0.5)
    config.contenders.nearest = {"model": {"decoder": "upsample"}}
    config.contenders.bilinear = {"model": {"decoder": "upsample", "resize": "bilinear"}}
    config.contenders.before = {"model": {"decoder": "upsample", "placement": "before"}}
    config.contenders.k3 = {"model": {"decoder": "transpose"}}
    config.contenders.k4 = {"model": {"decoder": "transpose", "decoder_kernel_size": 4}}
    config.contenders.subpixel = {"model": {"decoder": "subpixel"}}
    config.seeds = 8
    config.reference = "nearest"
    return config
