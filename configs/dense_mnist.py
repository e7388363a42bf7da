"""Denoising MNIST with a dense autoencoder with one overcomplete hidden layer (more nodes than pixels).

python -m experiments.main --config=configs/dense_mnist.py

Expect, on the test split of the real data, 21.21 dB PSNR (noisy: 11.01 dB), SSIM 0.8897, BCE 0.0875
in 196 s on one core of an AMD EPYC with other work running. The rate was tuned by
configs/ablations/tune.py:dense_mnist; at 1e-3, as before, it reaches 20.62 dB.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.data.name = "mnist"
    config.model.architecture = "dense"
    config.model.hidden = (1024,)
    config.learning_rate = 5e-3
    return config
