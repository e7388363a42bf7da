"""Denoising MNIST with a dense autoencoder with one overcomplete hidden layer (more nodes than pixels).

python -m experiments.main --config=configs/dense_mnist.py

Expect, on the test split of the real data, 20.62 dB PSNR (noisy: 11.01 dB), SSIM 0.8641, BCE 0.0916
in 97 s on two cores of an AMD EPYC with other work running.
"""

from ml_collections import ConfigDict

from configs import base


def get_config() -> ConfigDict:
    config = base.get_config()
    config.data.name = "mnist"
    config.model.architecture = "dense"
    config.model.hidden = (1024,)
    config.learning_rate = 1e-3
    return config
