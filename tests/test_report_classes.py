"""The figures of classes: that they are drawn, and show what they are given."""

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import pairwise_distances

from aeden import report_classes

CLASSES = ("A", "B", "C")


def size(path):
    with Image.open(path) as image:
        return image.size


@pytest.mark.parametrize("shape", [(7, 3, 3, 1), (250, 8, 8, 3)])
def test_filters(tmp_path, rng, shape):
    report_classes.save_filters(tmp_path / "filters.png", "a stack", rng.normal(size=shape))
    assert size(tmp_path / "filters.png")[0] > 300


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_an_embedding_keeps_groups_together(tmp_path, rng, method):
    labels = np.arange(90) % 3
    code = 10 * np.eye(3)[labels] @ rng.normal(size=(3, 12)) + rng.normal(size=(90, 12))
    points, index = report_classes.embed(code, method, 0)
    assert points.shape == (90, 2)
    np.testing.assert_array_equal(index, np.arange(90))
    distances = pairwise_distances(points) + 1e9 * np.eye(90)
    assert (labels[distances.argmin(1)] == labels).mean() > 0.95
    np.testing.assert_array_equal(report_classes.embed(code, method, 0)[0], points)
    report_classes.save_embedding(tmp_path / "embedding.png", "codes", points, labels, CLASSES, method)
    report_classes.save_embedding(tmp_path / "plain.png", "codes", points, None, (), method)
    assert size(tmp_path / "embedding.png") == size(tmp_path / "plain.png")


def test_an_embedding_of_many_is_of_some_spread_over_all(rng):
    points, index = report_classes.embed(rng.normal(size=(5001, 3)), "pca", 0)
    assert len(points) == len(index) == 2000
    assert index[-1] > 4990


def test_confusion_and_errors(tmp_path, rng):
    images = rng.integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
    labels, logits = rng.integers(0, 3, 40), rng.normal(size=(40, 3))
    report_classes.save_confusion(tmp_path / "confusion.png", "a run", rng.integers(0, 99, (3, 3)), CLASSES)
    report_classes.save_errors(tmp_path / "errors.png", "a run", images, labels, logits, CLASSES)
    report_classes.save_errors(tmp_path / "none.png", "a run", images, logits.argmax(1), logits, CLASSES)
    assert size(tmp_path / "confusion.png")[0] > 400
    assert size(tmp_path / "errors.png")[1] > size(tmp_path / "none.png")[1]
    budgets = {name: [(10, [0.5, 0.6]), (100, [0.8, 0.9])] for name in ("one", "other")}
    report_classes.save_budgets(tmp_path / "budgets.png", "by labels", budgets)
    assert size(tmp_path / "budgets.png")[0] > 600
