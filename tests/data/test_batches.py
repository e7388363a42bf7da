"""Batches: every example once per epoch, in an order that can start at any step; each process gathers its share."""

import jax
import numpy as np
import pytest

from aeden.data.batches import TrainBatches, epochs, evaluation_batches, process_share
from aeden.data.splits import Split
from aeden.runtime import devices


def numbered(count):
    """Images whose pixels are their own position."""
    number = np.arange(count, dtype=np.uint8)
    return Split(np.broadcast_to(number[:, None, None, None], (count, 2, 2, 1)).copy(), number.astype(np.int32))


def test_an_epoch_contains_every_example_once_and_the_next_has_another_order():
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


def test_batches_can_start_at_any_step():
    whole = TrainBatches(numbered(10), 4, seed=5).at(0, 9)
    for step in (7, 2, 8, 0):
        part = TrainBatches(numbered(10), 4, seed=5).at(step)
        for name, value in part.items():
            np.testing.assert_array_equal(value[0], whole[name][step])


def test_the_seed_changes_the_order():
    first, second = (TrainBatches(numbered(50), 50, seed).at(0)["index"] for seed in (0, 1))
    assert (first != second).any()


def test_a_batch_larger_than_the_split_is_padded():
    batch = TrainBatches(numbered(3), 8, seed=0).at(0)
    assert batch["image"].shape == (1, 8, 2, 2, 1)
    assert batch["mask"].sum() == 3
    assert (batch["image"][~batch["mask"]] == 0).all()


def test_examples_are_counted_without_padding():
    batches = TrainBatches(numbered(10), 4, seed=0)
    assert [batches.examples(step) for step in range(5)] == [0, 4, 8, 10, 14]


def test_evaluation_covers_the_split_in_order():
    batches = list(evaluation_batches(numbered(10), 4))
    assert [batch["image"].shape for batch in batches] == [(1, 4, 2, 2, 1)] * 3
    assert np.concatenate([batch["index"][batch["mask"]] for batch in batches]).tolist() == list(range(10))


def test_an_empty_split_is_refused():
    with pytest.raises(ValueError, match="empty"):
        TrainBatches(numbered(0), 4, seed=0)


def test_each_phase_has_its_own_orders():
    split = numbered(60)
    orders = [TrainBatches(split, 60, 0, phase).at(0)["index"].tolist() for phase in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]


def test_the_number_of_epochs():
    assert epochs(steps=30, batch_size=10, examples=100) == 3
    assert epochs(steps=30, batch_size=10, examples=4) == 30


def all_batches(split, batch_size, process=None, process_count=None):
    """Two epochs of training batches, two steps at a time, and the evaluation batches."""
    train = TrainBatches(split, batch_size, 3, process=process, process_count=process_count)
    training = [train.at(step, 2) for step in range(0, 2 * train.steps_per_epoch, 2)]
    return [*training, *evaluation_batches(split, batch_size, process, process_count)]


@pytest.mark.parametrize("process_count", [1, 2, 4])
@pytest.mark.parametrize("examples", [16, 19, 3])
def test_the_shares_of_all_processes_make_the_whole_batch(process_count, examples):
    """Also the padded last batch, in which some processes have only padding."""
    split = numbered(examples)
    shares = zip(*(all_batches(split, 8, process, process_count) for process in range(process_count)), strict=True)
    for whole, parts in zip(all_batches(split, 8), shares, strict=True):
        assert all(part["mask"].shape[1] == 8 // process_count for part in parts)
        for name, value in whole.items():
            together = np.concatenate([part[name] for part in parts], axis=1)
            assert together.dtype == value.dtype
            np.testing.assert_array_equal(together, value)


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_every_device_gets_the_same_examples_whatever_the_number_of_processes(processes):
    """Device d of all devices gets the d-th block of consecutive examples of the whole batch, also of a padded one."""
    split, local = numbered(21), jax.local_device_count()

    def divided(process):
        return [devices.deal(batch) for batch in all_batches(split, 8, process, processes)]

    for whole, *parts in zip(all_batches(split, 8), *map(divided, range(processes)), strict=True):
        for name, value in whole.items():
            blocks = value.reshape(len(value), processes * local, -1, *value.shape[2:])
            np.testing.assert_array_equal(np.concatenate([part[name] for part in parts], axis=1), blocks)


def test_a_process_gathers_its_own_share_only():
    """Once every process gathered the whole batch, and then used its part of it."""
    gathered = []

    class Counting(np.ndarray):
        def __getitem__(self, index):
            result = super().__getitem__(index)
            gathered.append(len(result))
            return result

    images = np.zeros((64, 2, 2, 1), np.uint8).view(Counting)
    for process_count in (1, 2, 4):
        gathered.clear()
        TrainBatches(Split(images), 16, 0, process=process_count - 1, process_count=process_count).at(0, 3)
        assert sum(gathered) == 3 * 16 // process_count
        gathered.clear()
        list(evaluation_batches(Split(images), 16, 0, process_count))
        assert sum(gathered) == 64 // process_count


def test_a_process_asks_jax_for_its_share(monkeypatch):
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    assert process_share(8) == slice(4, 8)
    expected = TrainBatches(numbered(10), 4, 0, process=1, process_count=2).at(2)
    np.testing.assert_array_equal(TrainBatches(numbered(10), 4, 0).at(2)["index"], expected["index"])
    np.testing.assert_array_equal(next(evaluation_batches(numbered(10), 4))["index"], [[2, 3]])


def test_a_batch_that_the_processes_cannot_share_is_refused():
    with pytest.raises(ValueError, match="batch_size 6 cannot be shared evenly by 4 processes"):
        process_share(6, 0, 4)
