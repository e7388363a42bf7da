"""Batches: every example once an epoch, in an order that can be entered anywhere."""

import numpy as np
import pytest

from aeden.data.batches import TrainBatches, evaluation_batches
from aeden.data.splits import Split


def numbered(count):
    """Images whose pixels hold their own number."""
    number = np.arange(count, dtype=np.uint8)
    return Split(np.broadcast_to(number[:, None, None, None], (count, 2, 2, 1)).copy(), number.astype(np.int32))


def test_an_epoch_holds_every_example_once_and_the_next_has_another_order():
    batches = TrainBatches(numbered(10), 4, seed=0)
    assert batches.steps_per_epoch == 3
    orders = []
    for epoch in range(2):
        batch = batches.at(3 * epoch, 3)
        seen = batch["index"][batch["mask"]]
        assert sorted(seen) == list(range(10))
        assert batch["mask"].sum(axis=1).tolist() == [4, 4, 2]
        np.testing.assert_array_equal(batch["image"][..., 0, 0, 0][batch["mask"]], seen)
        np.testing.assert_array_equal(batch["label"][batch["mask"]], seen)
        orders.append(seen.tolist())
    assert orders[0] != orders[1]


def test_any_step_can_be_asked_for_first():
    whole = TrainBatches(numbered(10), 4, seed=5).at(0, 9)
    for step in (7, 2, 8, 0):
        part = TrainBatches(numbered(10), 4, seed=5).at(step)
        for name, value in part.items():
            np.testing.assert_array_equal(value[0], whole[name][step])


def test_seeds_give_other_orders():
    first, second = (TrainBatches(numbered(50), 50, seed).at(0)["index"] for seed in (0, 1))
    assert (first != second).any()


def test_a_batch_larger_than_the_split_is_padded():
    batch = TrainBatches(numbered(3), 8, seed=0).at(0)
    assert batch["image"].shape == (1, 8, 2, 2, 1)
    assert batch["mask"].sum() == 3
    assert (batch["image"][~batch["mask"]] == 0).all()


def test_examples_are_counted_without_the_padding():
    batches = TrainBatches(numbered(10), 4, seed=0)
    assert [batches.examples(step) for step in range(5)] == [0, 4, 8, 10, 14]


def test_evaluation_covers_the_split_in_order():
    batches = list(evaluation_batches(numbered(10), 4))
    assert [batch["image"].shape for batch in batches] == [(1, 4, 2, 2, 1)] * 3
    assert np.concatenate([batch["index"][batch["mask"]] for batch in batches]).tolist() == list(range(10))


def test_an_empty_split_is_refused():
    with pytest.raises(ValueError, match="empty"):
        TrainBatches(numbered(0), 4, seed=0)


def labelled(counts):
    labels = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    images = np.arange(len(labels), dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    return Split(images, labels, tuple("ABC"[: len(counts)]))


@pytest.mark.parametrize(
    ("counts", "budget", "expected"),
    [
        ((20, 20, 20), 9, [3, 3, 3]),
        ((20, 20, 20), 60, [20, 20, 20]),
        ((2, 20, 20), 12, [2, 5, 5]),
        ((5, 5), 2, [1, 1]),
    ],
)
def test_a_budget_is_dealt_evenly_to_the_classes(counts, budget, expected):
    chosen = labelled(counts).stratified(budget, seed=0)
    assert np.bincount(chosen.labels).tolist() == expected
    np.testing.assert_array_equal(chosen.labels, labelled(counts).labels[chosen.images[:, 0, 0, 0]])
    assert len(set(chosen.images[:, 0, 0, 0].tolist())) == budget
    assert chosen.classes == labelled(counts).classes


def test_a_budget_is_drawn_by_the_seed():
    split = labelled((30, 30, 30))
    drawn = {seed: split.stratified(10, seed).images[:, 0, 0, 0].tolist() for seed in (0, 1)}
    assert drawn[0] == split.stratified(10, 0).images[:, 0, 0, 0].tolist() != drawn[1]
    assert sorted(np.bincount(split.stratified(10, 0).labels)) == [3, 3, 4]
    assert split.stratified(0, 0) is split


@pytest.mark.parametrize(
    ("budget", "match"),
    [
        (91, "91 labels is more than the 90 examples"),
        (2, "2 labels is less than one of each of 3 classes"),
    ],
)
def test_budgets_that_cannot_be(budget, match):
    with pytest.raises(ValueError, match=match):
        labelled((30, 30, 30)).stratified(budget, 0)
    with pytest.raises(ValueError, match="no labels"):
        Split(np.zeros((3, 2, 2, 1), np.uint8)).stratified(2, 0)


def test_each_phase_has_orders_of_its_own():
    split = labelled((30, 30))
    orders = [TrainBatches(split, 60, 0, phase).at(0)["index"].tolist() for phase in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
