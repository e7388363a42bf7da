"""Six decoders on MNIST, eight seeds each: which restores best, what artifacts it leaves, what it costs.

python -m experiments.ablate --config=configs/ablations/decoders_mnist.py

nearest    resize to the nearest neighbour, then convolve (k3)
bilinear   resize bilinearly, then convolve
before     convolve, then resize to the nearest neighbour: 9 multiplications where `nearest` has 16
k3         convolve transposed, kernel 3, stride 2: uneven overlap
k4         convolve transposed, kernel 4, stride 2: even overlap
subpixel   convolve, then rearrange channels into pixels, ICNR initialisation

Equal widths. With --config.pairing=parameters (or multiplications) decoders are as wide as makes them equal in that; it
makes only the runs that differ, and its report takes the place of the first one. Eight seeds, since five comparisons
together can show nothing with fewer. Some 75 minutes on two cores of an AMD EPYC; the README has what it showed.
"""

from ml_collections import ConfigDict

from configs import transpose_mnist
from configs.ablations import grid_base


def get_config() -> ConfigDict:
    config = grid_base.get_config()
    config.experiment = transpose_mnist.get_config()
    config.experiment.epochs = 3.0
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
