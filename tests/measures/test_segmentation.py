"""Metrics of segmentation, compared with scikit-learn, optax and plain loops."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import ndimage
from sklearn.metrics import jaccard_score

from aeden.measures import segmentation

CLASSES = 4


@pytest.fixture
def labels(rng):
    """Blocky truth and a prediction with moved edges and wrong pixels; class 3 is in neither."""
    coarse = rng.integers(0, 3, (6, 5, 6))
    truth = np.kron(coarse, np.ones((1, 4, 4), int)).astype(np.uint8)
    prediction = np.roll(truth, 1, axis=2)
    wrong = rng.uniform(size=truth.shape) < 0.1
    prediction[wrong] = rng.integers(0, 3, wrong.sum())
    prediction[0] = truth[0]
    prediction[1] = 0
    return prediction, truth


def test_iou_is_that_of_scikit_learn(labels):
    prediction, truth = labels
    counts = np.asarray(jax.jit(segmentation.confusion, static_argnums=2)(prediction, truth, CLASSES)).sum(0)
    assert counts.sum() == truth.size
    assert counts[1, 2] == ((truth == 1) & (prediction == 2)).sum()
    expected = jaccard_score(truth.ravel(), prediction.ravel(), labels=[0, 1, 2], average=None)
    found = segmentation.class_iou(counts)
    np.testing.assert_allclose(found[:3], expected)
    assert np.isnan(found[3])
    assert segmentation.mean_iou(counts) == pytest.approx(expected.mean())
    assert segmentation.mean_iou(counts / 7) == pytest.approx(expected.mean())
    assert segmentation.mean_iou(np.zeros((2, 2))) == 0.0


def test_a_class_without_pixels_is_left_out_even_if_it_is_predicted():
    counts = np.array([[8, 2], [0, 0]])
    assert segmentation.mean_iou(counts) == pytest.approx(0.8)


def boundary(mask):
    """The pixels of a mask with one of four neighbours inside the image that is not in it."""
    edge = np.zeros_like(mask)
    for y, x in np.argwhere(mask):
        for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= v < mask.shape[0] and 0 <= u < mask.shape[1] and not mask[v, u]:
                edge[y, x] = True
    return edge


def score_by_distance(prediction, truth, tolerance):
    """The boundary F-score of one image by distance transforms."""
    scores = []
    for k in range(CLASSES):
        found, true = boundary(prediction == k), boundary(truth == k)
        if not true.any():
            continue
        if not found.any():
            scores.append(0.0)
            continue
        to_true, to_found = (ndimage.distance_transform_edt(~edge) for edge in (true, found))
        precision, recall = (to_true[found] <= tolerance).mean(), (to_found[true] <= tolerance).mean()
        scores.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    if not scores:
        return float(not any(boundary(prediction == k).any() for k in range(CLASSES)))
    return np.mean(scores)


@pytest.mark.parametrize("tolerance", [1, 2])
def test_the_boundary_score_is_that_of_distance_transforms(labels, tolerance):
    prediction, truth = labels
    truth[2] = 1  # without a boundary
    prediction[3], truth[3] = 1, 2  # neither
    score = jax.jit(segmentation.boundary_f1, static_argnums=(2, 3))
    found = np.asarray(score(prediction, truth, CLASSES, tolerance))
    expected = [score_by_distance(*pair, tolerance) for pair in zip(prediction, truth, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert (found[0], found[2], found[3]) == (1.0, 0.0, 1.0)


def test_a_boundary_that_is_off_by_two_pixels_counts_at_two():
    truth = np.zeros((1, 16, 16), np.uint8)
    truth[:, :, 8:] = 1
    moved = np.roll(truth, 2, axis=2)
    moved[:, :, :2] = 0
    score = jax.jit(segmentation.boundary_f1, static_argnums=(2, 3))
    assert float(score(moved, truth, 2, 1)[0]) == 0.0
    assert float(score(moved, truth, 2, 2)[0]) == 1.0


def test_cross_entropy_is_that_of_optax(labels, rng):
    _, truth = labels
    logits = jnp.asarray(rng.normal(size=(*truth.shape, CLASSES)), jnp.float32)
    weights = jnp.asarray([0.5, 1.0, 2.0, 3.0])
    each = optax.softmax_cross_entropy_with_integer_labels(logits, truth.astype(np.int32))
    entropy = jax.jit(segmentation.pixel_cross_entropy)
    np.testing.assert_allclose(entropy(logits, truth), each.mean((1, 2)), rtol=1e-5)
    weighted = (each * weights[truth]).mean((1, 2))
    np.testing.assert_allclose(entropy(logits, truth, weights), weighted, rtol=1e-5)


def test_accuracy_counts_pixels(labels):
    prediction, truth = labels
    found = jax.jit(segmentation.pixel_accuracy)(prediction, truth)
    np.testing.assert_allclose(found, (prediction == truth).mean((1, 2)), rtol=1e-6)
