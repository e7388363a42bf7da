"""Equal sizes: what was published keeps its widths, others come close, and who does not is named."""

import jax
import pytest
from test_report import PROVENANCE, make_result, text_of

from aeden.nn.parameters import count_parameters, make_init
from aeden.runtime import files
from aeden.runtime.identity import flatten
from aeden.tasks.model_from_config import build_model
from configs.ablations import decoders_mnist, tuned_mnist
from experiments.ablate import grid, outcome, pairing, unequal
from experiments.ablate.plan import make_plan
from experiments.ablate.report import page
from experiments.ablate.run_config import run_config

SHAPE = (28, 28, 1)
# As pairing was before it tried every channel. These runs are published, or were trials of what is.
PUBLISHED = {
    "parameters": {
        "nearest_k5": (16, 16),
        "additive": (76, 76),
        "sampling": (30, 30),
        "k2": (54, 54),
        "k4": (22, 22),
        "k6": (12, 12),
        "large_context": (8, 8),
        "subpixel": (12, 12),
    },
    "multiplications": {
        "nearest_k5": (20, 20),
        "bilinear": (20, 20),
        "before": (44, 44),
        "additive": (44, 44),
        "sampling": (20, 20),
        "k2": (66, 66),
        "k3": (44, 44),
        "k6": (20, 20),
        "subpixel": (20, 20),
    },
}


def contender(settings, name, **changes):
    """The experiment of a contender with other fields of the model."""
    fields = flatten(settings.contenders[name].to_dict())
    return run_config(settings, name, fields, {f"model.{field}": value for field, value in changes.items()}, 0)


def parameters(config, channels):
    """Counted anew."""
    config.model.decoder_features = channels
    return count_parameters(jax.eval_shape(make_init(build_model(config, SHAPE), SHAPE), jax.random.key(0)))


@pytest.mark.parametrize("kind", PUBLISHED)
@pytest.mark.parametrize("module", [decoders_mnist, pytest.param(tuned_mnist, marks=pytest.mark.proof)])
def test_the_published_grids_keep_their_widths(module, kind):
    settings = module.get_config()
    reference = contender(settings, settings.reference)
    # Those that differ in their initial values only have the same widths. `unpool` cannot be scaled, and nobody
    # published `large_context` with equal multiplications.
    left = {name for name in settings.contenders if name.startswith(("k3_", "k4_"))}
    names = set(settings.contenders) - left - ({"unpool", "large_context"} if kind == "multiplications" else set())
    found = {name: pairing.paired(contender(settings, name), reference, kind, SHAPE) for name in names}
    assert found == {name: PUBLISHED[kind].get(name, ()) for name in names}


@pytest.mark.parametrize(
    "changes",
    [pytest.param({"skip": True}, id="skip"), pytest.param({"stages": 3}, marks=pytest.mark.proof, id="stages")],
)
@pytest.mark.parametrize(
    "name", ["large_context", *(pytest.param(name, marks=pytest.mark.proof) for name in ("subpixel", "additive"))]
)
def test_no_width_common_to_all_stages_is_closer(name, changes):
    """By trying them all. Two per cent and a half are close enough."""
    settings = tuned_mnist.get_config()
    reference = contender(settings, "nearest", **changes)
    target = parameters(reference, ())
    config = contender(settings, name, **changes)
    channels = pairing.paired(config, reference, "parameters", SHAPE)
    off = abs(parameters(config, channels) / target - 1)
    step, stages = (4 if name == "additive" else 1), len(channels)
    assert max(channels) - min(channels) <= step
    every = [
        parameters(config, (width,) * stages) for width in range(channels[0] - 2 * step, channels[0] + 3 * step, step)
    ]
    assert off <= max(0.025, min(abs(size / target - 1) for size in every))
    assert off < 0.03


def test_a_contender_that_is_not_equal_is_named(settings, tmp_path, monkeypatch):
    settings.experiment.model.features = (2, 2)
    settings.contenders.large = {"model": {"decoder": "large_context", "decoder_kernel_size": 7}}
    settings.costs = settings.baselines = False
    settings.seeds, settings.pairing = 1, "parameters"
    plan = make_plan("a grid", settings, grid.expand(settings), tmp_path)
    sizes = {cell.contender: pairing.size(cell.config, "parameters", None) for cell in plan.cells}
    (line,) = unequal.sentences(plan)
    more = sizes["large"] / sizes["nearest"] - 1
    assert line.startswith(
        f"large has {more:.1%} more parameters than nearest ({sizes['large']:,}, not {sizes['nearest']:,})"
    )
    opening = text_of(page.opening(make_result(settings, tmp_path, psnr=20.0)))
    assert line in opening
    settings.pairing = "none"
    assert unequal.sentences(plan) == []
    settings.pairing = "parameters"
    monkeypatch.setattr(outcome.results, "levels", lambda *_: [])
    monkeypatch.setattr(outcome.page, "write", lambda result: None)
    monkeypatch.setattr(outcome, "command", lambda plan, cell: cell.name)
    monkeypatch.setattr(outcome.results, "row", lambda cell, summary, label: {**summary, "folder": label})
    for cell in plan.cells:
        row = {"contender": cell.contender, "seed": cell.seed, "dataset": "glyphs", "psnr": 20.0, "parameters": 5}
        plan.folders[cell].mkdir(parents=True)
        files.write_json(plan.folders[cell] / "summary.json", {**PROVENANCE, **row})
    assert line in outcome.write(plan, {}, [])


def test_u_nets_are_paired_by_the_widths_of_their_decoder():
    settings = tuned_mnist.get_config()
    changes = {"architecture": "unet", "features": (8, 16), "factors": (2, 2)}
    reference, config = contender(settings, "nearest", **changes), contender(settings, "subpixel", **changes)
    assert pairing.paired(reference, reference, "multiplications", SHAPE) == ()
    config.model.decoder_features = pairing.paired(config, reference, "multiplications", SHAPE)
    assert config.model.decoder_features
    off = pairing.size(config, "multiplications", SHAPE) / pairing.size(reference, "multiplications", SHAPE) - 1
    assert abs(off) < 0.03
    unpool = contender(settings, "unpool", **changes, decoder_features=(8, 8))
    with pytest.raises(ValueError, match="pairing=multiplications cannot scale decoder 'unpool'"):
        pairing.paired(unpool, reference, "multiplications", SHAPE)
