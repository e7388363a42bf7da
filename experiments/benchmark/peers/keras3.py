"""Keras 3, as its example "Convolutional autoencoder for image denoising" writes it. Variant: its backend."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from experiments.benchmark.peers import LEARNING_RATE, NOISE, Job


def build(backend: str, decoder: str, size: int, noisy: bool) -> Any:
    """The example's network with either decoder, compiled; with `noisy`, new noise at every training step."""
    os.environ["KERAS_BACKEND"] = backend
    import keras
    from keras import layers

    x = inputs = keras.Input((size, size, 1))
    if noisy:
        x = layers.ReLU(max_value=1.0)(layers.GaussianNoise(NOISE)(x))
    for _ in range(2):
        x = layers.Conv2D(32, 3, activation="relu", padding="same")(x)
        x = layers.MaxPooling2D(2, padding="same")(x)
    for _ in range(2):
        if decoder == "transpose":
            x = layers.Conv2DTranspose(32, 3, strides=2, activation="relu", padding="same")(x)
        else:
            x = layers.Conv2D(32, 3, activation="relu", padding="same")(layers.UpSampling2D(2)(x))
    x = layers.Conv2D(1, 3, activation="sigmoid", padding="same")(x)
    model = keras.Model(inputs, x)
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss="binary_crossentropy")
    return model


def training(variant: str, decoder: str, batch: int, size: int, dtype: str = "float32") -> Job:
    """Training steps: Gaussian noise of 0.4 clipped, binary cross-entropy, Adam; by `Model.fit`, images as float32."""
    model = build(variant, decoder, size, noisy=True)
    images = np.random.default_rng(0).uniform(size=(batch, size, size, 1)).astype(np.float32)

    def run(steps: int) -> None:
        many = np.broadcast_to(images, (steps, *images.shape)).reshape(-1, *images.shape[1:])
        model.fit(many, many, batch_size=batch, epochs=1, shuffle=False, verbose=0)

    return run, {**_description(variant), "parameters": model.count_params()}


def inference(variant: str, decoder: str, batch: int, size: int) -> Job:
    """Restoring a batch of noisy images, from NumPy to NumPy, by the faster of Keras' two ways for a batch."""
    model = build(variant, decoder, size, noisy=False)
    noisy = np.random.default_rng(0).uniform(size=(batch, size, size, 1)).astype(np.float32)

    def run(steps: int) -> None:
        for _ in range(steps):
            model.predict_on_batch(noisy)

    return run, _description(variant)


def _description(backend: str) -> dict[str, Any]:
    import importlib.metadata

    import keras

    return {"devices": "cpu", "version": f"{keras.__version__} on {backend} {importlib.metadata.version(backend)}"}
