"""Networks from a config: number of stages, initial values, and what stacks, GANs and dense networks refuse."""

import contextlib

import numpy as np
import pytest

from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.tasks import model_from_config
from aeden.tasks.execute import prepare
from configs import base


@pytest.mark.parametrize(
    ("stages", "expected"), [(0, ((8, 4), (2, 3))), (1, ((8,), (2,))), (3, ((8, 8, 8), (2, 2, 2)))]
)
def test_stages_repeat_the_first_entry(stages, expected):
    config = base.get_config()
    config.model.features, config.model.factors, config.model.stages = (8, 4), (2, 3), stages
    model = model_from_config.build_model(config, (12, 12, 1))
    assert (model.features, model.factors) == expected
    assert (model.mirrored().features, model.mirrored().factors) == tuple(tuple(reversed(one)) for one in expected)


def test_init_and_skip_reach_the_network():
    config = base.get_config()
    config.model.init, config.model.skip = "phase", True
    model = model_from_config.build_model(config, (12, 12, 1))
    assert (model.init_scheme, model.mirrored().init_scheme, model.mirrored().skip) == ("phase", "phase", (32, 32))
    config.model.architecture, config.model.skip, config.model.init = "dense", False, "torch"
    assert model_from_config.build_model(config, (12, 12, 1)).init_scheme == "torch"


# What differs from the default of each field that a dense network does not read.
NOT_DENSE = {
    "decoder": "upsample",
    "resize": "cubic",
    "placement": "before",
    "features": (8, 8),
    "decoder_features": (8, 8),
    "factors": (3, 2),
    "stages": 3,
    "skip": True,
    "kernel_size": 5,
    "decoder_kernel_size": 4,
    "lowering": "reference",
    "init": "phase",
    "blocks": 3,
    "residual": True,
    "bias": False,
    "level_input": True,
}


def test_every_field_that_a_dense_network_does_not_read_is_refused():
    """The others change the network."""
    config = base.get_config()
    defaults = config.model.to_dict()
    for fields in model_from_config.NOT_READ.values():
        assert {name: defaults[name] for name in fields} == fields
    config.model.architecture = "dense"
    model_from_config.check_has_effect(config.model)
    usual = model_from_config.build_model(config, (12, 12, 1))
    others = {"hidden": (3,), "tied": True, "dtype": "bfloat16", "init": "glorot"}
    assert {*NOT_DENSE, *others} == {*defaults} - {"architecture"}
    for name, value in [*NOT_DENSE.items(), *others.items()]:
        changed = config.copy_and_resolve_references()
        changed.model[name] = value
        if NOT_DENSE.get(name) == value:
            with pytest.raises(ValueError, match=rf"^model\.{name}=.* has no effect with model\.architecture=dense: "):
                model_from_config.check_has_effect(changed.model)
        else:
            model_from_config.check_has_effect(changed.model)
            assert model_from_config.build_model(changed, (12, 12, 1)) != usual


@pytest.mark.parametrize("architecture", ["conv", "unet"])
def test_what_other_convolutional_networks_read_changes_them_and_the_rest_is_refused(architecture):
    config = base.get_config()
    config.model.architecture, unread = architecture, model_from_config.NOT_READ[architecture]
    usual = model_from_config.build_model(config, (12, 12, 1))
    for name, value in {**NOT_DENSE, "tied": True, "dtype": "bfloat16"}.items():
        changed = config.copy_and_resolve_references()
        changed.model[name] = value
        if name in unread:
            with pytest.raises(
                ValueError, match=rf"^model\.{name}=.* has no effect with model\.architecture={architecture}"
            ):
                model_from_config.check_has_effect(changed.model)
        elif (architecture, name) != ("conv", "tied"):  # for a conv network it has never been refused
            model_from_config.check_has_effect(changed.model)
            assert model_from_config.build_model(changed, (12, 12, 1)) != usual, name


UNET = {"model.architecture": "unet"}


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"model.init": "kaiming"}, "unknown model.init 'kaiming': use one of he, phase, icnr, glorot, torch"),
        ({"model.stages": -1}, "model.stages -1 is out of range"),
        ({"model.decoder": "unpool", "model.skip": True}, "model.skip adds channels that max-unpooling has no"),
        ({"model.architecture": "dense", "model.skip": True}, "model.skip=True has no effect"),
        ({"model.architecture": "dense", "model.init": "icnr"}, "model.init=icnr has no effect"),
        ({"task": "stack", "model.skip": True}, "a layer of a stack decodes a code without its encoder"),
        ({"task": "stack", "stack.layerwise": False, "model.decoder": "unpool"}, "a layer of a stack decodes a code"),
        ({"task": "gan", "model.skip": True}, "a generator decodes a code without its encoder: use model.skip=False"),
        ({"task": "gan", "model.decoder": "unpool"}, "a generator decodes a code without its encoder"),
        ({"model.blocks": 3}, "model.blocks=3 has no effect with model.architecture=conv"),
        ({**UNET, "model.skip": True}, "model.architecture=unet, which always has skip connections: leave it at"),
        ({**UNET, "model.blocks": 0}, "model.blocks 0 is out of range: use a whole number from 1 to 64"),
        ({**UNET, "model.residual": True}, "loss=bce is for outputs between 0 and 1, .*: use loss=mse or l1"),
        ({**UNET, "model.decoder": "unpool", "model.blocks": 1}, "skip connections append: set model.blocks=2"),
        (
            {**UNET, "model.decoder": "unpool", "model.features": (4, 6, 8), "model.factors": (2, 2, 2)},
            r"not \(8, 6, 4\): set model.decoder_features=\(6, 4, 4\)",
        ),
        ({**UNET, "model.decoder": "point_sampling", "model.bias": False}, "use model.bias=True, or another decoder"),
        (
            {**UNET, "model.level_input": True, "eval.noises": ("masking:0.2",)},
            "eval.noises 'masking:0.2': the network",
        ),
        (
            {**UNET, "task": "stack"},
            "a layer of a stack decodes a code without its encoder: use model.architecture=conv",
        ),
        ({**UNET, "task": "gan"}, "the decoder of a generator is convolutional: set model.architecture=conv"),
    ],
)
def test_what_cannot_work_is_refused(fields, match):
    config = base.get_config()
    config.update_from_flattened_dict(fields)
    split = Split(np.zeros((20, 12, 12, 1), np.uint8), np.arange(20, dtype=np.int32) % 10)
    with pytest.raises(ValueError, match=match):
        prepare(config, Dataset("random", "random", split, split, split, "0"))


def test_a_stride_far_beyond_the_images_is_refused():
    """Images are padded to it: 28 x 28 pixels to 65,536 x 65,536."""
    config = base.get_config()
    for count, refused in ((6, False), (7, True), (16, True)):
        config.model.stages = count
        model = model_from_config.build_model(config, (28, 28, 1))
        with pytest.raises(ValueError, match="would be padded to it") if refused else contextlib.nullcontext():
            model_from_config.check_image_size(model, (28, 28, 1))
