"""Eighteen decoders on MNIST, each with the learning rate that suits it: the answer of the README.

python -m experiments.ablate --config=configs/ablations/tuned_mnist.py

Every contender gets the same trials of the peak learning rate, judged on the validation split. The five best, the two
that beginners know (`nearest` is Keras' UpSampling2D and `k3` its Conv2DTranspose) and `k4`, the usual advice for
transposed convolutions, then run under nine fresh seeds: seven comparisons take nine. docs/method.md explains each
contender ("The decoders"), its initial values ("Initialisation") and the trials ("Tuning").

nearest, nearest_k5  resize to the nearest neighbour, then convolve; kernel 3 and 5
bilinear             resize bilinearly, then convolve
before               convolve, then resize to the nearest neighbour
additive             bilinear additive upsampling, then convolve
sampling             point sampling (DySample), then convolve
unpool               max-unpooling with the encoder's indices, then convolve
k2, k3, k4, k6       transposed convolution with kernels of 2, 3, 4 and 6
..._phase            the same with initial values that give every output pixel the same variance
..._icnr             the same with phases that start equal
k3_glorot            transposed convolution with Keras' initial values
k3_smoothed          transposed convolution, then a fixed smoothing
large_context        transposed convolution with a kernel of 7 and a parallel one of 3
subpixel             convolve, then rearrange channels into pixels

About three hours on two cores of an AMD EPYC. It printed: "By PSNR, over 9 paired seeds, compared with nearest:
subpixel is better (+0.35 dB, 2.2 times the spread over seeds, 95 % interval +0.24 dB to +0.45 dB, larger than 0.05 dB
with corrected p = 0.027); no difference larger than 0.05 dB shown for sampling (+0.04 dB ...), k3 (-0.20 dB ...), k4
(+0.09 dB ...), k4_icnr (+0.15 dB ...), k6 (+0.19 dB ...), large_context (+0.28 dB ...)."
"""

from ml_collections import ConfigDict

from configs import transpose_mnist
from configs.ablations import grid_base


def get_config() -> ConfigDict:
    config = grid_base.get_config()
    config.experiment = transpose_mnist.get_config()
    config.experiment.epochs = 3.0
    config.experiment.eval.levels = (0.1, 0.2, 0.3, 0.5)
    config.experiment.eval.noises = ("salt_and_pepper:0.2", "speckle:0.5", "masking:0.25")
    config.experiment.eval.extras = True
    config.contenders = contenders()
    config.tuning.fields.learning_rate = (6e-3, 1e-1)
    config.tuning.trials = 9
    config.tuning.finalists = 5
    config.tuning.always = ("nearest", "k3", "k4")
    config.seeds = 9
    config.reference = "nearest"
    return config


def contenders() -> ConfigDict:
    """Name -> fields of the experiment. New ones start with `phase`, the published ones as they were published."""
    found = ConfigDict(sort_keys=False)
    found.nearest = {"model": {"decoder": "upsample"}}
    found.nearest_k5 = {"model": {"decoder": "upsample", "decoder_kernel_size": 5}}
    found.bilinear = {"model": {"decoder": "upsample", "resize": "bilinear"}}
    found.before = {"model": {"decoder": "upsample", "placement": "before"}}
    found.additive = {"model": {"decoder": "bilinear_additive", "init": "phase"}}
    found.sampling = {"model": {"decoder": "point_sampling", "init": "phase"}}
    found.unpool = {"model": {"decoder": "unpool", "init": "phase"}}
    found.k2 = {"model": {"decoder": "transpose", "decoder_kernel_size": 2, "init": "phase"}}
    found.k3 = {"model": {"decoder": "transpose"}}
    found.k3_phase = {"model": {"decoder": "transpose", "init": "phase"}}
    found.k3_glorot = {"model": {"decoder": "transpose", "init": "glorot"}}
    found.k3_smoothed = {"model": {"decoder": "smoothed_transpose"}}
    found.k4 = {"model": {"decoder": "transpose", "decoder_kernel_size": 4}}
    found.k4_phase = {"model": {"decoder": "transpose", "decoder_kernel_size": 4, "init": "phase"}}
    found.k4_icnr = {"model": {"decoder": "transpose", "decoder_kernel_size": 4, "init": "icnr"}}
    found.k6 = {"model": {"decoder": "transpose", "decoder_kernel_size": 6, "init": "phase"}}
    found.large_context = {"model": {"decoder": "large_context", "decoder_kernel_size": 7, "init": "phase"}}
    found.subpixel = {"model": {"decoder": "subpixel"}}
    return found


def main_contenders() -> ConfigDict:
    """The four of the grids that vary something else: the two that beginners know, k4 and subpixel."""
    everyone, found = contenders(), ConfigDict(sort_keys=False)
    for name in ("nearest", "k3", "k4", "subpixel"):
        found[name] = everyone[name]
    return found
