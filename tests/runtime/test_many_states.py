"""Several states in one program: how they are dealt, and that each is computed as by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aeden.runtime import devices, many_states, stopwatch


def test_states_are_dealt_over_as_many_devices_as_divide_them():
    assert jax.local_device_count() == 2
    assert [many_states.device_count(n) for n in (1, 2, 3, 4, 6)] == [1, 2, 1, 2, 2]
    trees = [{"a": np.full((3,), i), "b": np.float32(i)} for i in range(4)]
    stacked = many_states.stack(trees)
    assert stacked["a"].shape == (2, 2, 3)
    for tree, again in zip(trees, many_states.unstack(stacked), strict=True):
        jax.tree.map(np.testing.assert_array_equal, tree, again)
    batches = [{"x": np.full((5, 7), i)} for i in range(4)]
    dealt = many_states.deal(batches)["x"]
    assert dealt.shape == (2, 5, 2, 7)
    assert (dealt[1, :, 0] == 2).all()


def step(state, batch, own):
    """A sum over a device's examples and over the devices, as the steps of objectives have it."""
    total = devices.sum_over_devices(jnp.sum(batch["x"]) * state["w"])
    return {"w": state["w"] + total + own}, {"loss": total}


@pytest.mark.parametrize("way", many_states.WAYS)
@pytest.mark.parametrize(("states", "steps"), [(4, 1), (3, 3)])
def test_each_state_takes_its_own_steps(rng, way, states, steps):
    weights, own = rng.uniform(size=states).astype(np.float32), rng.uniform(size=states).astype(np.float32)
    xs = rng.uniform(size=(states, steps, 6)).astype(np.float32)
    run = many_states.pmap_state_steps(step, states, way)
    stacked, batches = many_states.stack([{"w": w} for w in weights]), many_states.deal([{"x": x} for x in xs])
    after, metrics = run(stacked, batches, many_states.stack(list(own)))
    expected, losses = weights.astype(np.float64), []
    for i in range(steps):
        losses.append(expected * xs[:, i].sum(axis=1))
        expected = expected + losses[-1] + own
    np.testing.assert_allclose([tree["w"] for tree in many_states.unstack(after)], expected, rtol=1e-5)
    found = np.moveaxis(np.asarray(metrics["loss"]), 1, 2).reshape(states, steps)
    np.testing.assert_allclose(found, np.stack(losses, axis=1), rtol=1e-5)


def test_sums_of_several_states_over_one_batch(rng):
    x, weights = rng.uniform(size=6).astype(np.float32), [np.float32(i + 1) for i in range(4)]
    sums = many_states.pmap_state_sums(lambda w, batch, own: devices.sum_over_devices(w * batch.sum() + own), 4)
    found = sums(many_states.stack(weights), x, many_states.stack([np.float32(10 * i) for i in range(4)]))
    expected = [(i + 1) * x.sum() + 10 * i for i in range(4)]
    np.testing.assert_allclose(many_states.unstack(found), expected, rtol=1e-6)


def test_it_is_compiled_once():
    """The states of the first call are NumPy arrays, those of the next are on the devices."""
    events: list[str] = []
    run = many_states.pmap_state_steps(step, 4)
    states, own = many_states.stack([{"w": np.float32(i)} for i in range(4)]), many_states.stack([np.float32(1)] * 4)
    batches = many_states.deal([{"x": np.ones((1, 6), np.float32)}] * 4)
    states, _ = run(states, batches, own)
    jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: events.append(event))
    for given in (batches, many_states.on_devices(batches)):
        states, _ = run(states, given, own)
    assert [event for event in events if event.startswith(stopwatch.COMPILATION)] == []
