"""Figures of classes: that they are drawn, and show what they are given."""

import itertools

import numpy as np
import pytest
from kept_figures import keep_figures
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from aeden.plots import classes

drawn = pytest.fixture(keep_figures)

CLASSES = ("A", "B", "C")


def size(path):
    with Image.open(path) as image:
        return image.size


@pytest.mark.parametrize("shape", [(7, 3, 3, 1), (250, 8, 8, 3)])
def test_filters(tmp_path, rng, shape):
    classes.save_filters(tmp_path / "filters.png", "a stack", rng.normal(size=shape))
    assert size(tmp_path / "filters.png")[0] > 300


def test_embeddings_with_and_without_labels(tmp_path, rng):
    points, labels = rng.normal(size=(90, 2)), np.arange(90) % 3
    classes.save_embedding(tmp_path / "embedding.png", "codes", points, labels, CLASSES, "pca")
    classes.save_embedding(tmp_path / "plain.png", "codes", points, None, (), "pca")
    assert size(tmp_path / "embedding.png") == size(tmp_path / "plain.png")


def test_confusion_and_errors(tmp_path, rng):
    images = rng.integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
    labels, logits = rng.integers(0, 3, 40), rng.normal(size=(40, 3))
    classes.save_confusion(tmp_path / "confusion.png", "a run", rng.integers(0, 99, (3, 3)), CLASSES)
    classes.save_errors(tmp_path / "errors.png", "a run", images, labels, logits, CLASSES)
    classes.save_errors(tmp_path / "none.png", "a run", images, logits.argmax(1), logits, CLASSES)
    assert size(tmp_path / "confusion.png")[0] > 400
    names = tuple(f"class number {k}" for k in range(200))
    classes.save_confusion(tmp_path / "many.png", "a run", rng.integers(0, 9, (200, 200)), names)
    assert max(size(tmp_path / "many.png")) <= 3000
    assert size(tmp_path / "errors.png")[1] > size(tmp_path / "none.png")[1]
    budgets = {name: [(10, [0.5, 0.6]), (100, [0.8, 0.9])] for name in ("one", "other")}
    classes.save_budgets(tmp_path / "budgets.png", "by labels", budgets)
    assert size(tmp_path / "budgets.png")[0] > 600


def test_errors_are_the_most_confident_ones(tmp_path, drawn):
    images = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1).repeat(2, 1).repeat(2, 2)
    logits = np.array([[0.0, 9.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 5.0], [5.0, 0.0, 0.0]])
    classes.save_errors(tmp_path / "errors.png", "a run", images, np.array([0, 0, 2, 1]), logits, CLASSES)
    shown = [axis for axis in drawn[0].axes if axis.images]
    assert [int(axis.images[0].get_array()[0, 0]) for axis in shown] == [0, 3, 1]
    assert [axis.get_title() for axis in shown] == ["A → B\n0.9998", "B → A\n0.99", "A → B\n0.58"]
    assert drawn[0].get_suptitle().startswith("a run; 3 errors in 4")


def test_long_class_names_do_not_overlap_above_the_images(tmp_path, rng, drawn):
    names = tuple(f"a long class name, {k}" for k in range(3))
    images = rng.integers(0, 256, (30, 8, 8, 3), dtype=np.uint8)
    classes.save_errors(tmp_path / "errors.png", "a run", images, np.zeros(30, int), np.eye(3)[[1] * 30], names)
    renderer = FigureCanvasAgg(drawn[0]).get_renderer()
    above, below = drawn[0].axes[:10], drawn[0].axes[10:]
    boxes = [axis.title.get_window_extent(renderer) for axis in above]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
    titles = [axis.title.get_window_extent(renderer).y1 for axis in below]
    assert max(titles) < min(axis.get_window_extent(renderer).y0 for axis in above)


def test_a_confusion_matrix_has_labels_in_rows(tmp_path, drawn):
    classes.save_confusion(tmp_path / "confusion.png", "a run", np.array([[9, 1, 0], [0, 8, 0], [2, 0, 0]]), CLASSES)
    axis = drawn[0].axes[0]
    assert (axis.get_ylabel(), axis.get_xlabel()) == ("label", "predicted class")
    assert {(text.get_position(), text.get_text()) for text in axis.texts} == {
        ((0, 0), "9"),
        ((1, 0), "1"),
        ((1, 1), "8"),
        ((0, 2), "2"),
    }


def test_names_that_look_like_formulas_are_drawn_as_they_are(tmp_path, rng):
    names = ("$\\frac{$", "a$b", "$x^2$")
    images = rng.integers(0, 256, (9, 8, 8, 1), dtype=np.uint8)
    labels = np.arange(9) % 3
    classes.save_embedding(tmp_path / "a.png", "codes", rng.normal(size=(9, 2)), labels, names, "pca")
    classes.save_confusion(tmp_path / "b.png", "a run", rng.integers(1, 9, (3, 3)), names)
    classes.save_errors(tmp_path / "c.png", "a run", images, labels, rng.normal(size=(9, 3)), names)
    assert len(list(tmp_path.iterdir())) == 3
