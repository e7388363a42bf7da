"""Trains Keras' example "Convolutional autoencoder for image denoising" on TensorFlow until it reaches a test BCE.

    python -m experiments.benchmark.peers.keras_example CLEAN_EPOCHS TARGET_BCE SECONDS [DATA_FOLDER]

As published, the example trains for 50 epochs on clean images and then for up to 100 epochs on noisy images, with noise
that is drawn once; batch size 128, Adam with its default settings. Here the second part ends when the test BCE is at
most the target, and both parts end at the time limit. The result is printed as one line of JSON: epochs, whether the
target was reached, seconds, and the test BCE if there was an epoch on noisy images.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from aeden.data.sources import open_dataset
from experiments.benchmark.peers import NOISE, NetworkSettings
from experiments.benchmark.peers.keras3 import build

NOISY_EPOCHS = 100


def main() -> None:
    """Trains the example and prints the result."""
    began = time.perf_counter()
    clean_epochs, target, limit = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    splits = open_dataset("mnist", sys.argv[4] if len(sys.argv) > 4 else "", fallback="")
    # The example trains on all 60,000 images.
    train = np.concatenate([splits.train.images, splits.validation.images]).astype(np.float32) / 255
    test = splits.test.images.astype(np.float32) / 255
    rng = np.random.default_rng(0)
    noisy, noisy_test = (np.clip(x + NOISE * rng.normal(size=x.shape), 0, 1).astype(np.float32) for x in (train, test))
    model = build("tensorflow", NetworkSettings("transpose", 128, 28), noisy=False)

    def out_of_time() -> bool:
        return time.perf_counter() - began > limit

    def train_epoch(images: np.ndarray, test_images: np.ndarray) -> float:
        history = model.fit(
            images, train, epochs=1, batch_size=128, shuffle=True, validation_data=(test_images, test), verbose=0
        )
        return history.history["val_loss"][-1]

    result: dict[str, Any] = {"clean_epochs": 0, "noisy_epochs": 0, "reached": False}
    while result["clean_epochs"] < clean_epochs and not out_of_time():
        train_epoch(train, test)
        result["clean_epochs"] += 1
    while not result["reached"] and result["noisy_epochs"] < NOISY_EPOCHS and not out_of_time():
        result["bce"] = train_epoch(noisy, noisy_test)
        result["noisy_epochs"] += 1
        result["reached"] = result["bce"] <= target
    print(json.dumps({**result, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
