"""Generators of digits with four decoders, each with the rates that suit it, seven seeds.

python -m experiments.ablate --config=configs/ablations/generators_mnist.py
python -m experiments.ablate --config=configs/ablations/generators_mnist.py:conditional

nearest    resize to the nearest neighbour, then convolve (Keras' UpSampling2D)
k3         transposed convolution, kernel 3 (Keras' Conv2DTranspose)
k4         transposed convolution, kernel 4
subpixel   convolve, then rearrange channels into pixels

The second command gives the class to generator and discriminator. Every contender gets the same nine trials of its
learning rate and of the factor by which the discriminator's differs from it, judged by the KID of 10,000 samples to the
validation split ("Tuning" in docs/method.md). The chosen rates then run under seven fresh seeds: three comparisons take
seven. Differences in KID below 0.001 do not count: that is about the distance of unseen real images.

The judge is trained on one half of the training images, and samples are compared with the other. Samples are also
judged with truncated latents, to find a setting with a recall of 0.7 or more and 90 % or more confident samples.

A run is made cheaper than one of gans_mnist.py: half the steps, half the channels, a penalty in every fourth step. By
counting multiplications per image and step (four passes of the generator; eight of the discriminator, eleven with the
penalty) that is 26 million in place of 88 for nearest and k4, 20 of 71 for k3, 42 of 136 for subpixel: a seventh per
run. 36 trials and 28 runs. Not measured yet: neither the time nor whether such small networks are good enough. The
weight of the penalty is that of gans_mnist.py, not tuned.
"""

from ml_collections import ConfigDict

from configs import gan_transpose_mnist
from configs.ablations import grid_base, tuned_mnist

# What the name after the colon sets: whether the networks know the class.
VARIANTS = {"unconditional": False, "conditional": True}


def get_config(variant: str = "unconditional") -> ConfigDict:
    grid_base.check_name(variant, VARIANTS)
    config = grid_base.get_config()
    config.experiment = gan_transpose_mnist.get_config()
    config.experiment.steps = 3000
    config.experiment.eval.every = 1500
    config.experiment.model.features = (16, 32)
    gan = config.experiment.gan
    gan.conditional = VARIANTS[variant]
    gan.modes = 0  # clusters cost variety: docs/results-generators.md
    gan.discriminator = (16, 32, 64)
    gan.r1_every = 4
    gan.judge = "half"
    gan.truncations = (1.0, 1.5, 2.0)
    everyone = tuned_mnist.contenders()
    for name in ("nearest", "k3", "k4", "subpixel"):
        config.contenders[name] = everyone[name]
    config.tuning.fields = {"learning_rate": (4e-4, 4e-3), "gan": {"discriminator_rate": (0.5, 4.0)}}
    config.tuning.trials = 9
    config.seeds = 7
    config.reference = "nearest"
    config.metric = "kid"
    config.margin = 0.001
    config.baselines = False
    config.costs = False
    return config
