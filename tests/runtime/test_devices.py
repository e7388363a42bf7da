"""Devices: work that is divided among them gives what one device would compute."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aeden.runtime import devices


def test_the_suite_runs_on_two_devices():
    assert jax.device_count() == 2


@pytest.mark.parametrize(
    ("batch", "cores", "count"),
    [(128, 2, 2), (128, 64, 4), (128, 3, 2), (31, 8, 1), (96, 8, 3), (97, 8, 1), (4096, 64, 64)],
)
def test_devices_divide_the_batch_into_parts_of_32_or_more(batch, cores, count):
    assert devices.cpu_device_count(batch, cores) == count


def test_a_batch_that_the_devices_cannot_share_is_refused():
    with pytest.raises(ValueError, match="7 cannot be shared evenly by 2 devices"):
        devices.check_divides(7)


def test_divided_batches_keep_the_order_of_examples():
    batches = {"x": np.arange(3 * 8 * 2).reshape(3, 8, 2)}
    dealt = devices.deal(batches)["x"]
    assert dealt.shape == (3, 2, 4, 2)
    np.testing.assert_array_equal(dealt.reshape(3, 8, 2), batches["x"])


def least_squares(parallel):
    """(state, batch) -> (state, metrics): one step of plain gradient descent, which reveals a wrong scale."""

    def step(weights, batch):
        total = devices.sum_over_devices if parallel else lambda tree: tree

        def loss_share(w):
            return jnp.sum(batch["mask"] * (batch["x"] @ w - batch["y"]) ** 2) / total(jnp.sum(batch["mask"]))

        loss, gradient = total(jax.value_and_grad(loss_share)(weights))
        return weights - 0.1 * gradient, {"loss": loss}

    return step


@pytest.mark.parametrize("count", [1, 4])
def test_steps_over_devices_equal_steps_on_one(rng, count):
    batches = {
        "x": rng.normal(size=(count, 8, 3)).astype(np.float32),
        "y": rng.normal(size=(count, 8)).astype(np.float32),
        "mask": rng.uniform(size=(count, 8)) < 0.7,
    }
    weights = jnp.ones(3)
    for i in range(count):
        weights, expected = least_squares(False)(weights, {name: x[i] for name, x in batches.items()})
    run = devices.pmap_steps(least_squares(True))
    ours, metrics = run(devices.replicate(jnp.ones(3)), devices.deal(batches))
    np.testing.assert_allclose(ours, weights, rtol=1e-5)
    assert metrics["loss"].shape == (count,)
    np.testing.assert_allclose(metrics["loss"][-1], expected["loss"], rtol=1e-5)


def test_sums_over_devices(rng):
    x = rng.normal(size=(1, 8, 3)).astype(np.float32)
    total = devices.pmap_sums(lambda scale, batch: {"sum": scale * batch["x"].sum()})
    np.testing.assert_allclose(
        total(devices.replicate(jnp.float32(2)), devices.deal({"x": x}))["sum"], 2 * x.sum(), rtol=1e-5
    )
