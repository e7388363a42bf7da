"""Batches: every example once an epoch, in an order that can be entered anywhere."""

import numpy as np
import pytest

from aeden.data.pipeline import Split, TrainBatches, evaluation_batches


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
