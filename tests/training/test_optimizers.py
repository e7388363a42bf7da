"""Optimisers by name and their schedule."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from aeden.training.optimizers import learning_rate_schedule, make_optimizer


def test_the_schedule_warms_up_and_falls_as_a_cosine():
    schedule = learning_rate_schedule(3e-3, 1100, 100)
    np.testing.assert_allclose(schedule(0), 0)
    np.testing.assert_allclose(schedule(50), 1.5e-3, rtol=1e-6)
    np.testing.assert_allclose(schedule(100), 3e-3, rtol=1e-6)
    np.testing.assert_allclose(schedule(600), 1.5e-3, rtol=1e-6)
    np.testing.assert_allclose(schedule(1100), 0, atol=1e-9)


@pytest.mark.parametrize("steps", [1, 5, 20])
def test_a_short_run_has_a_short_warm_up(steps):
    schedule = learning_rate_schedule(1.0, steps, 100)
    assert max(float(schedule(step)) for step in range(steps)) == pytest.approx(1.0)


@pytest.mark.parametrize(("name", "decay"), [("adamw", 1e-2), ("lion", 1e-2), ("adam", 0.0), ("sgd", 0.0)])
def test_it_is_optax_own(name, decay):
    params, gradient = jnp.array([1.0, -2.0]), jnp.array([0.3, 0.1])
    options = {"weight_decay": decay} if decay else {}
    ours = make_optimizer(name, lambda _: 0.1, decay, 0.0)
    theirs = getattr(optax, name)(0.1, **options)
    for optimizer in (ours, theirs):
        updates, _ = optimizer.update(gradient, optimizer.init(params), params)
        np.testing.assert_allclose(updates, theirs.update(gradient, theirs.init(params), params)[0])


def test_clipping_limits_the_norm():
    optimizer = make_optimizer("sgd", lambda _: 1.0, 0.0, 0.5)
    updates, _ = optimizer.update(jnp.array([3.0, 4.0]), optimizer.init(jnp.zeros(2)), jnp.zeros(2))
    np.testing.assert_allclose(updates, [-0.3, -0.4], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "decay", "match"), [("adamwe", 0.0, "adamwe"), ("chain", 0.0, "chain"), ("sgd", 0.1, "no weight decay")]
)
def test_unusable_optimisers_are_named(name, decay, match):
    with pytest.raises(ValueError, match=match):
        make_optimizer(name, lambda _: 0.1, decay, 0.0)


def test_a_learning_rate_is_positive():
    with pytest.raises(ValueError, match="-1 is not positive"):
        learning_rate_schedule(-1.0, 10, 0)


def test_an_optimiser_that_needs_the_loss_too_is_refused():
    with pytest.raises(ValueError, match=r"optimizer\.name 'lbfgs' needs more than gradients and a learning rate"):
        make_optimizer("lbfgs", learning_rate_schedule(0.1, 10, 0), 0.0, 0.0)
