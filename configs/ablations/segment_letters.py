"""Six decoders segment letters over textures, with and without skip connections, each with its own learning rate.

python -m experiments.ablate --config=configs/ablations/segment_letters.py:skip
python -m experiments.ablate --config=configs/ablations/segment_letters.py:no_skip

The protocol of `tuned_mnist.py`: every contender gets the same seven trials, judged by mean IoU on the validation
split, and then nine paired seeds. All are also compared with a threshold and connected components on the same images.

nearest        resize to the nearest neighbour, then convolve
bilinear       resize bilinearly, then convolve
k3, k4         transposed convolution with kernels of 3 and 4
subpixel       convolve, then rearrange channels into pixels
large_context  transposed convolution with a kernel of 7 and a parallel one of 3

42 trials and 54 runs of eight epochs, 4,000 steps, each (more trials if the best rate lies at the edge of the range).
With skip connections it took two hours on two cores of an Intel Xeon with AVX-512 (docs/results-segmentation.md);
without, it has not been measured yet.
"""

from ml_collections import ConfigDict

from configs import segment_letters
from configs.ablations import grid_base, super_resolve_mnist

# What the name after the colon sets: whether the networks have skip connections.
VARIANTS = {"skip": True, "no_skip": False}


def get_config(variant: str = "skip") -> ConfigDict:
    grid_base.check_name(variant, VARIANTS)
    config = super_resolve_mnist.six_decoders(segment_letters.get_config())
    config.axes = {"model": {"skip": (VARIANTS[variant],)}}
    config.metric, config.margin = "mean_iou", 0.01
    # With skip connections, which were run first, all best rates were between 0.004 and 0.01.
    config.tuning.fields.learning_rate = (3e-3, 6e-2) if VARIANTS[variant] else (1.5e-3, 3e-2)
    return config
