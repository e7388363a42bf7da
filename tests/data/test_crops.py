"""Crops: where they lie, how many an image has, small images, batches at any step, whole images by size."""

import jax
import numpy as np
import pytest

from aeden.data import crops
from aeden.data.batches import TrainBatches, evaluation_batches
from aeden.data.crops import FIXED, CropSplit, WholeImages, slots, window
from aeden.data.image_store import ImageStore
from aeden.random_keys import STREAMS, Stream

SHAPES = ((20, 30, 3), (8, 8, 1), (5, 40, 3), (20, 30, 1), (1, 1, 3), (9, 7, 1))


def store(rng, shapes=SHAPES):
    images = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]
    lengths = np.array([image.size for image in images])
    values = np.concatenate([image.ravel() for image in images])
    return ImageStore(values, np.array(shapes), np.cumsum(lengths) - lengths)


def split(rng, channels=3, noisy=None):
    return CropSplit(store(rng), 8, channels, noisy)


def test_an_image_has_as_many_slots_as_its_area_holds_crops(rng):
    assert slots(np.array(SHAPES), 8).tolist() == [600 // 64, 1, 200 // 64, 600 // 64, 1, 1]
    assert len(split(rng)) == 9 + 1 + 3 + 9 + 1 + 1
    found = split(rng).positions(np.arange(24))[:, 0]
    assert found.tolist() == np.repeat(np.arange(6), [9, 1, 3, 9, 1, 1]).tolist()


def test_the_position_of_a_crop_is_that_of_a_counter_based_generator(rng):
    """Of the generator of NumPy started at the number of the example, in whatever order examples are asked for."""
    index = np.array([3, 0, 21, 2, 10, 3, 23])
    key = np.random.SeedSequence((5, 6, 2)).generate_state(2, np.uint64)
    found = split(rng).drawn((5, 6, 2)).positions(index)
    for (image, top, left), example in zip(found, index, strict=True):
        words = np.random.Philox(key=key, counter=int(example)).random_raw(2)
        height, width = SHAPES[image][:2]
        assert top == int(words[0]) % max(height - 8 + 1, 1)
        assert left == int(words[1]) % max(width - 8 + 1, 1)


def test_crops_reach_every_position_equally(rng):
    one = CropSplit(ImageStore.of_array(np.zeros((1, 10, 9, 1), np.uint8)), 8, 1)
    drawn = [tuple(one.drawn((0, 6, epoch)).positions(np.array([0]))[0, 1:]) for epoch in range(600)]
    counts = np.array([drawn.count((top, left)) for top in range(3) for left in range(2)])
    assert counts.sum() == 600
    assert ((counts - 100) ** 2 / 100).sum() < 20.5  # chi-squared with 5 degrees of freedom, p = 0.001


def test_a_batch_holds_the_crops_at_their_positions(rng):
    some = split(rng)
    index = np.array([20, 4, 0])
    batch = some.take(index, 4)
    assert batch["index"].tolist() == [20, 4, 0, 0]
    assert batch["mask"].tolist() == [True, True, True, False]
    assert (batch["image"][3] == 0).all()
    for crop, (image, top, left) in zip(batch["image"], some.positions(index).tolist(), strict=False):
        expected = some.images[image][top : top + 8, left : left + 8]
        np.testing.assert_array_equal(crop, np.broadcast_to(expected, (8, 8, 3)))


@pytest.mark.parametrize("shape", [(3, 5, 1), (2, 20, 3), (1, 1, 1), (1, 6, 3), (20, 1, 1)])
def test_small_images_are_continued_by_reflection(rng, shape):
    image = rng.integers(0, 256, shape, dtype=np.uint8)

    def reflected(position, length):
        """The position in an image of this length after any number of reflections at its border pixels."""
        period = max(2 * (length - 1), 1)
        return min(position % period, period - position % period) if length > 1 else 0

    found = window(image, 0, 0, 13, shape[2])
    assert found.shape == (13, 13, shape[2])
    for y, x in np.ndindex(13, 13):
        np.testing.assert_array_equal(found[y, x], image[reflected(y, shape[0]), reflected(x, shape[1])])


def test_pairs_are_cut_at_the_same_place(rng):
    clean = store(rng)
    noisy = ImageStore(255 - clean.values, clean.shapes, clean.starts)
    batch = CropSplit(clean, 8, 3, noisy).take(np.arange(24), 24)
    np.testing.assert_array_equal(batch["noisy"], 255 - batch["image"])


def test_training_crops_are_drawn_anew_in_each_epoch_and_can_start_at_any_step(rng):
    some = split(rng)
    whole = TrainBatches(some, 5, seed=3, phase=1).at(0, 10)
    for step in (7, 2, 9, 0, 4):
        part = TrainBatches(some, 5, seed=3, phase=1).at(step)
        for name, value in part.items():
            np.testing.assert_array_equal(value[0], whole[name][step])
    for epoch in range(2):
        steps = slice(5 * epoch, 5 * epoch + 5)
        mask, index = whole["mask"][steps], whole["index"][steps]
        assert sorted(index[mask]) == list(range(24))
        drawn = some.drawn((3, STREAMS + Stream.CROPS, epoch))
        np.testing.assert_array_equal(whole["image"][steps][mask], drawn.take(index[mask], 24)["image"])
    first, second = (some.drawn((3, STREAMS + Stream.CROPS, e)).positions(np.arange(24)) for e in (0, 1))
    assert (first != second).any()


@pytest.mark.parametrize("process_count", [2, 4])
def test_the_shares_of_all_processes_make_the_whole_batch(rng, process_count):
    some = split(rng)
    shares = zip(*(all_training(some, process, process_count) for process in range(process_count)), strict=True)
    for whole, parts in zip(all_training(some), shares, strict=True):
        for name, value in whole.items():
            np.testing.assert_array_equal(np.concatenate([part[name] for part in parts], axis=1), value)


def all_training(some, process=None, process_count=None):
    batches = TrainBatches(some, 8, 3, process=process, process_count=process_count)
    return [batches.at(step, 2) for step in range(0, 6, 2)]


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_whole_images_are_evaluated_by_size_in_shares(rng, processes):
    images = WholeImages(store(rng), 3)
    seen, sizes = [], []
    for parts in zip(*(evaluation_batches(images, 8, p, processes) for p in range(processes)), strict=True):
        batch = {name: np.concatenate([part[name] for part in parts], axis=1)[0] for name in parts[0]}
        assert len(batch["mask"]) % max(jax.device_count(), processes) == 0
        sizes.append(batch["image"].shape[1:3])
        for image, index in zip(batch["image"][batch["mask"]], batch["index"][batch["mask"]], strict=True):
            seen.append(int(index))
            np.testing.assert_array_equal(image, np.broadcast_to(images.images[int(index)], image.shape))
    assert sorted(seen) == list(range(6))
    assert len(sizes) == len(set(sizes)) == 5  # two images have one size, and share a batch


def test_large_images_are_tested_in_their_centre(rng, monkeypatch):
    monkeypatch.setattr(crops, "MOST_PIXELS", 150)
    images = WholeImages(store(rng, ((20, 30, 1), (10, 15, 1))), 1)
    assert images.sizes.tolist() == [[10, 15], [10, 15]]
    (batch,) = evaluation_batches(images, 8)
    np.testing.assert_array_equal(batch["image"][0, 0], images.images[0][5:15, 7:22])
    np.testing.assert_array_equal(batch["image"][0, 1], images.images[1])


def test_windows_are_the_same_for_every_run_and_every_image_has_its_share(rng):
    images = WholeImages(store(rng), 1)
    few, many, all_ = (images.windows(8, most) for most in (4, 12, 256))
    assert [len(split) for split in (few, many, all_)] == [4, 2 + 1 + 2 + 2 + 1 + 1, 24]
    expected = CropSplit(images.images, 8, 1, seed=FIXED).take(np.arange(24), 24)["image"]
    np.testing.assert_array_equal(all_.images, expected)
    np.testing.assert_array_equal(many.images, expected[[0, 1, 9, 10, 11, 13, 14, 22, 23]])
    assert all_.noisy is None
