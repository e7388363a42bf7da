"""Grids: the runs that they expand to, and what is refused before the first run."""

import importlib
import sys

import jax
import numpy as np
import pytest
from absl import flags
from conftest import ROOT, write_images
from ml_collections import config_flags

from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.nn.parameters import count_parameters, make_init
from aeden.tasks import model_from_config
from aeden.tasks.execute import TASKS
from configs import gan_transpose_mnist
from configs.ablations import features_mnist, generators_mnist, generators_notmnist, tuned_mnist
from experiments.ablate import grid, grid_checks

GRIDS = sorted(
    path.stem for path in (ROOT / "configs/ablations").glob("*.py") if path.stem not in ("__init__", "grid_base")
)


def test_every_contender_at_every_setting_under_every_seed(settings):
    settings.axes = {"noise": {"level": (0.1, 0.4)}, "model": {"kernel_size": (3, 5)}}
    cells = grid.expand(settings)
    assert len({cell.name for cell in cells}) == len({cell.folder for cell in cells}) == 2 * 2 * 2 * 2
    # Seed by seed, so that what is finished first can be compared.
    assert [cell.seed for cell in cells] == [0] * 8 + [1] * 8
    last = cells[-1]
    assert (last.contender, last.setting) == ("k3", {"model.kernel_size": 5, "noise.level": 0.4})
    assert (last.config.model.decoder, last.config.noise.level, last.config.seed) == ("transpose", 0.4, 1)


@pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")  # ml_collections' own
def test_the_command_of_a_run_makes_its_config(settings, monkeypatch):
    """Parsed as `experiments.main` parses it."""
    settings.experiment.eval.levels = (0.1, 0.25)
    settings.axes = {"noise": {"clip": (False,)}}
    cell = grid.expand(settings)[2]
    values = flags.FlagValues()
    holder = config_flags.DEFINE_config_file("config", flag_values=values)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.argv", ["main", *cell.arguments()])
    values(sys.argv)
    assert holder.value.to_dict() == cell.config.to_dict()


def test_a_long_name_fits_a_file_system(settings):
    settings.contenders = {"nearest": {}, "k" * 400: {"model": {"decoder": "subpixel"}}}
    folders = [cell.folder for cell in grid.expand(settings)]
    assert len(set(folders)) == len(folders)
    assert max(map(len, folders)) < 120


def test_the_name_of_a_folder_depends_on_the_config_but_not_on_the_data_folder(settings):
    before = [cell.folder for cell in grid.expand(settings)]
    settings.experiment.data.dir = "/elsewhere"
    assert [cell.folder for cell in grid.expand(settings)] == before
    settings.seeds = 3
    assert [cell.folder for cell in grid.expand(settings)][:4] == before
    settings.experiment.gan.latent = 7  # read by other tasks only
    assert [cell.folder for cell in grid.expand(settings)][:4] == before
    settings.experiment.batch_size = 32
    assert not set(before) & {cell.folder for cell in grid.expand(settings)}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"contenders": {"nearest": {"model": {"decodr": "upsample"}}}}, "nearest: .*model.decodr.*model.decoder"),
        ({"axes": {"noise": {"levels": (0.1,)}}}, "there is no field noise.levels; did you mean noise.level"),
        ({"axes": {"noise": {"level": (0.1, 0.1)}}}, "axes.noise.level takes a tuple of different values"),
        ({"axes": {"noise": {"level": (0.1, 0.10000001)}}}, "values of an axis must differ in their first six digits"),
        (
            {"contenders": {"nearest": {}, "shared run": {"epochs": 3.0}}},
            "'shared run': the name 'shared run' is reserved for shared_run",
        ),
        ({"axes": {"noise": {"level": 0.1}}}, "takes a tuple"),
        ({"axes": {"batch_size": ("many",)}}, "batch_size takes a value of type int, not 'many'"),
        ({"axes": {"model": {"decoder": ("upsample",)}}}, "contender .* sets model.decoder, and so does an axis"),
        ({"contenders": {"nearest": {"seed": 1}}}, "contender nearest sets seed"),
        ({"contenders": {"nearest": {"noise": {"level": 0.1}}}}, "sets noise.level: all are tested on the same images"),
        (
            {"contenders": {"nearest": {"data": {"characters": "AB"}}}},
            "sets data.characters: all are tested on the same",
        ),
        ({"contenders": {"nearest": {"data": {"held_out": 0.2}}}}, "sets data.held_out: all are tested on the same"),
        ({"contenders": {"nearest": {}, "k3": {"model": {"decoder": "transpose"}}}}, "are the same experiment"),
        (
            {"contenders": {"nearest": {"model": {"resize": "bilinear"}}}},
            "resize=bilinear has no effect with .*transpose",
        ),
        ({"reference": "nobody"}, "'nobody' is none of the contenders"),
        ({"seeds": 0}, "seeds 0"),
        (
            {"contenders": {"nearest": {}, "k3": {"gan": {"r1": 2.0}}}},
            "are the same experiment",
        ),  # no autoencoder reads it
        ({"shared_run": {"epochs": 2.0}}, "shared_run is set, but no contender uses it"),
        ({"shared_run": {"seed": 2}}, "shared_run sets seed"),
        ({"shared_run": {"epoch": 2.0}}, "shared_run: there is no field epoch; did you mean epochs"),
        ({"contenders": {"nearest": {"stack": {"pretrained": "{shared_run}"}}}}, "but shared_run is empty"),
        ({"pairing": "width"}, "unknown pairing 'width'"),
    ],
)
def test_contradictions_are_named(settings, changes, match):
    for name, value in changes.items():
        settings[name] = value
    with pytest.raises(ValueError, match=match):
        grid.expand(settings)


def test_contenders_may_be_trained_on_fewer_images(settings):
    settings.contenders = {"nearest": {}, "k3": {"data": {"train_limit": 100}}}
    settings.reference = "nearest"
    assert {cell.contender for cell in grid.expand(settings)} == {"nearest", "k3"}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"model": {"decoder": "transposed"}}, "odd: .*'transposed'"),
        ({"learning_rate": 0.0}, "odd: learning_rate 0 is out of range"),
        ({"loss": "bec"}, "odd: unknown loss 'bec'"),
        ({"optimizer": {"name": "adamx"}}, "odd: .*adamx"),
        ({"task": "paint"}, "odd: unknown task 'paint'"),
        ({"task": "stack", "stack": {"head": "tail"}}, "odd: unknown stack.head 'tail'"),
        ({"task": "gan", "gan": {"loss": "none"}}, "odd: unknown gan.loss 'none'"),
    ],
)
def test_a_run_that_cannot_be_is_named_before_the_first(settings, changes, match):
    settings.contenders.odd = changes
    with pytest.raises(ValueError, match=match):
        grid.check(grid.expand(settings))


@pytest.mark.parametrize(
    ("noise", "match"),
    [
        ({"level": (0.1, -1.0)}, "nearest, noise.level=-1: .*-1 is out of range"),
        ({"kind": ("masking",), "level": (1.5,)}, "nearest, noise.kind=masking, noise.level=1.5: .*between 0 and 1"),
    ],
)
def test_a_setting_that_cannot_be_is_named_before_the_first(settings, noise, match):
    settings.axes = {"noise": noise}
    with pytest.raises(ValueError, match=match):
        grid.check(grid.expand(settings))


def test_generators_cannot_be_compared_on_data_without_labels(settings, tmp_path, rng):
    """They would end without the metric of the verdict."""
    write_images(tmp_path, rng.integers(0, 256, (40, 28, 28), dtype=np.uint8), classes=("",))
    settings.experiment = gan_transpose_mnist.get_config()
    settings.experiment.data.name, settings.experiment.data.dir = "folder", str(tmp_path)
    settings.metric = "kid"
    for samples in (10_000, 0):
        settings.experiment.gan.samples = samples
        with pytest.raises(
            ValueError, match=r"^nearest: a grid compares .*has no labels: use data with labels, [^\n]*$"
        ):
            grid.check(grid.expand(settings))


def test_generators_cannot_be_compared_on_data_of_one_class():
    def dataset(classes):
        split = Split(np.zeros((9, 8, 8, 1), np.uint8), np.arange(9, dtype=np.int32) % classes)
        return Dataset("shapes", "shapes", split, split, split, "0")

    grid_checks.check_judged("gan", dataset(3))
    grid_checks.check_judged("denoise", dataset(1))
    with pytest.raises(ValueError, match=r"shapes has one class only: use data with labels"):
        grid_checks.check_judged("gan", dataset(1))


def test_every_kind_of_run_is_checked_once(settings, monkeypatch):
    settings.axes = {"noise": {"level": (0.1, 0.4)}}
    prepared = []
    prepare = grid.prepare
    monkeypatch.setattr(grid, "prepare", lambda config, data: prepared.append(config.seed) or prepare(config, data))
    grid.check(grid.expand(settings))
    assert prepared == [0] * 4


def test_few_labels_are_trained_on_for_the_fewest_steps(settings):
    settings.experiment.task, settings.least_steps = "stack", 50
    settings.experiment.epochs, settings.experiment.batch_size = 4.0, 64
    settings.axes = {"stack": {"labels": (799, 800, 0)}}
    lengths = [(cell.config.steps, cell.config.epochs) for cell in grid.expand(settings)[:6:2]]
    assert lengths == [(50, 0.0), (0, 4.0), (0, 4.0)]
    settings.experiment.epochs, settings.experiment.steps = 0.0, 10
    assert {cell.config.steps for cell in grid.expand(settings)} == {10}


def test_a_shared_run_is_made_once_per_seed(settings):
    settings.experiment.task = "stack"
    settings.shared_run = {"stack": {"head": "none"}, "epochs": 2.0}
    settings.axes = {"stack": {"labels": (10, 0)}}
    settings.contenders.k3 = {"stack": {"pretrained": grid.SHARED_RUN}}
    cells = grid.expand(settings)
    shared = grid.shared_runs(cells)
    assert [cell.name for cell in shared] == ["shared run, seed 0", "shared run, seed 1"]
    assert [(cell.config.seed, cell.config.stack.head, cell.config.epochs) for cell in shared] == [
        (0, "none", 2.0),
        (1, "none", 2.0),
    ]
    assert [cell.shared for cell in cells] == [None, shared[0], None, shared[0], None, shared[1], None, shared[1]]
    assert all(cell.is_shared for cell in shared)


def test_a_shared_run_can_be_made_for_each_contender(settings):
    """One per seed and value of the fields that it takes; what else a contender sets is not its own."""
    settings.experiment.task = "stack"
    settings.shared_run, settings.shared_fields = {"stack": {"head": "none"}}, ("model", "stack.pretrain_learning_rate")
    settings.axes = {"stack": {"labels": (10, 0)}}
    rate = {"stack": {"pretrained": grid.SHARED_RUN, "pretrain_learning_rate": 0.5}}
    own, upsample = {"stack": {"pretrained": grid.SHARED_RUN}}, {"model": {"decoder": "upsample"}}
    settings.contenders.nearest = {**upsample, **own, "learning_rate": 0.25}
    settings.contenders.k3 = {"model": {"decoder": "transpose"}, **rate}
    settings.contenders.frozen = {**upsample, "stack": {"pretrained": grid.SHARED_RUN, "head": "frozen"}}
    settings.contenders.random = {"model": {"decoder": "transpose"}}
    cells = grid.expand(settings)
    shared = grid.shared_runs(cells)
    names = [f"shared run of {name}, seed {seed}" for seed in (0, 1) for name in ("nearest", "k3")]
    assert [cell.name for cell in shared] == names
    assert all(cell.is_shared for cell in shared)
    assert [cell.config.model.decoder for cell in shared[:2]] == ["upsample", "transpose"]
    assert [cell.config.stack.pretrain_learning_rate for cell in shared[:2]] == [1e-3, 0.5]
    usual = settings.experiment
    assert {(c.config.learning_rate, c.config.stack.head) for c in shared} == {(usual.learning_rate, "none")}
    assert [cell.shared for cell in cells[:4]] == [shared[0], shared[1], shared[0], None]
    assert [cell.shared for cell in cells[-4:]] == [shared[2], shared[3], shared[2], None]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"shared_run": {}}, "shared_fields is set, but shared_run is empty"),
        ({"shared_fields": ("model", "noise")}, "shared_fields: no contender sets noise; remove it"),
        ({"pairing": "parameters"}, "shared_fields and pairing=parameters are both set"),
        (
            {"shared_run": {"model": {"decoder": "subpixel"}}},
            "shared_run sets model.decoder, and by shared_fields it is",
        ),
        ({"contenders": {"nearest": {}, "shared run of k3": {"model": {}}}}, "'shared run' is reserved"),
    ],
)
def test_shared_runs_that_cannot_be(settings, changes, match):
    settings.experiment.task = "stack"
    settings.shared_run, settings.shared_fields = {"stack": {"head": "none"}}, ("model",)
    settings.contenders.k3 = {"model": {"decoder": "transpose"}, "stack": {"pretrained": grid.SHARED_RUN}}
    for name, value in changes.items():
        settings[name] = value
    with pytest.raises(ValueError, match=match):
        grid.expand(settings)


@pytest.mark.parametrize("pairing", ["parameters", "multiplications"])
def test_contenders_are_made_equal_to_the_reference(settings, pairing):
    settings.experiment.model.features = (32, 32)
    settings.contenders.k4 = {"model": {"decoder_kernel_size": 4}}
    settings.contenders.subpixel = {"model": {"decoder": "subpixel"}}
    settings.pairing = pairing
    sizes = {}
    for cell in grid.expand(settings)[:4]:
        model = model_from_config.build_model(cell.config, (28, 28, 1))
        sizes[cell.contender] = (
            model.multiplications(28, 28)
            if pairing == "multiplications"
            else count_parameters(jax.eval_shape(make_init(model, (28, 28, 1)), jax.random.key(0)))
        )
        if cell.contender == "subpixel":
            assert cell.config.model.decoder_features[0] < 32
    assert all(abs(size / sizes["nearest"] - 1) < 0.06 for size in sizes.values()), sizes


def test_a_contender_that_is_equal_already_keeps_its_runs(settings):
    alone = grid.expand(settings)
    settings.pairing = "parameters"
    assert [cell.folder for cell in grid.expand(settings)] == [cell.folder for cell in alone]


@pytest.mark.parametrize("pairing", ["parameters", "multiplications"])
def test_additive_is_scaled_in_groups_of_channels(settings, pairing):
    """Compared with the nearest of all multiples of four, by the formula of its size."""
    settings.experiment.model.features, settings.pairing = (32, 32), pairing
    settings.contenders.additive = {"model": {"decoder": "bilinear_additive"}}

    def size(width):
        if pairing == "parameters":
            return 9 * 8 * width + width + 9 * width // 4 * width + width + 9 * width + 1
        # The kernels of the layers that enlarge take 9 products of a quarter of the channels, at four times the pixels.
        return 7**2 * 9 * 32 * width + 14**2 * 9 * width * width + 28**2 * 9 * width

    nearest = {
        "parameters": 2 * (9 * 32 * 32 + 32) + 9 * 32 + 1,
        "multiplications": 14**2 * 4 * 32 * 32 + 28**2 * 4 * 32 * 32 + 28**2 * 9 * 32,
    }[pairing]
    channels = grid.expand(settings)[2].config.model.decoder_features
    assert channels == 2 * (min(range(4, 256, 4), key=lambda width: abs(size(width) - nearest)),)


def test_channels_are_groups_for_the_factors_of_all_stages(settings):
    settings.experiment.model.features, settings.experiment.model.factors = (36, 36), (3, 2)
    settings.contenders.additive = {"model": {"decoder": "bilinear_additive"}}
    settings.pairing = "parameters"
    channels = grid.expand(settings)[2].config.model.decoder_features
    assert [width % 36 for width in channels] == [0, 0]


def test_unpool_is_paired_only_if_it_is_equal_already(settings):
    settings.contenders.unpool = {"model": {"decoder": "unpool"}}
    alone = grid.expand(settings)
    settings.pairing = "parameters"
    assert grid.expand(settings)[2].folder == alone[2].folder
    settings.pairing = "multiplications"
    with pytest.raises(ValueError, match=r"^unpool: pairing=multiplications cannot scale .*leave_out.*pairing=none$"):
        grid.expand(settings)
    settings.leave_out = ("unpool",)
    assert [cell.contender for cell in grid.expand(settings)[:3]] == ["nearest", "k3", "nearest"]


def test_errors_of_the_pairing_name_the_contender(settings):
    settings.contenders.additive = {"model": {"decoder": "bilinear_additive", "decoder_features": (6, 6)}}
    settings.pairing, settings.axes = "parameters", {"epochs": (1.0,)}
    with pytest.raises(ValueError, match=r"^additive, epochs=1: bilinear additive .* multiples of 4"):
        grid.expand(settings)


def test_the_decoders_of_the_readme_can_have_equal_parameters():
    """Some of them: the others are scaled as `k6` is."""
    settings = tuned_mnist.get_config()
    settings.pairing, settings.seeds = "parameters", 1
    settings.leave_out = tuple(set(settings.contenders) - {"nearest", "k3", "k6", "additive", "unpool"})
    channels = {cell.contender: cell.config.model.decoder_features for cell in grid.expand(settings)}
    assert channels["unpool"] == channels["k3"] == ()
    assert channels["additive"][0] > 32 > channels["k6"][0]


@pytest.mark.parametrize("name", GRIDS)
def test_the_grids_that_come_along_expand(name):
    cells = grid.expand(importlib.import_module(f"configs.ablations.{name}").get_config())
    assert len(cells) >= 3
    path = ROOT / f"configs/ablations/{name}.py"
    assert f"python -m experiments.ablate --config=configs/ablations/{name}.py" in path.read_text()


def test_the_grid_of_generators_has_a_variant_with_classes():
    for variant, conditional in generators_mnist.VARIANTS.items():
        cells = grid.expand(generators_notmnist.get_config(variant))
        assert {cell.config.gan.conditional for cell in cells} == {conditional}
        assert {cell.config.data.name for cell in cells} == {"notmnist"}
    with pytest.raises(ValueError, match=r"'classes' is no variant of this grid: .* unconditional, conditional"):
        generators_mnist.get_config("classes")


def test_each_decoder_of_the_grid_of_features_has_its_own_encoder():
    cells = grid.expand(features_mnist.get_config())
    for cell in cells:
        if cell.contender == "random":
            assert cell.shared is None
            continue
        shared = cell.shared.config
        assert cell.shared.name == f"shared run of {cell.contender}, seed {cell.seed}"
        assert (shared.model.to_dict(), shared.stack.head) == (cell.config.model.to_dict(), "none")
        assert shared.stack.pretrain_learning_rate == features_mnist.RATES[cell.contender]
        assert (cell.config.stack.head, cell.config.stack.pretrained) == ("frozen", grid.SHARED_RUN)
    assert len(grid.shared_runs(cells)) == 4 * 9


def test_what_decides_the_test_images_comes_from_the_task(settings):
    """Noise decides the test images of a denoising run, and nothing in a GAN's."""
    settings.contenders.k3 = {"model": {"decoder": "transpose"}, "noise": {"level": 0.1}}
    with pytest.raises(ValueError, match=r"contender k3 sets noise.level: all are tested on the same images"):
        grid.expand(settings)
    assert TASKS["gan"].tested_on == ("gan.judge",)
    assert all("noise." in TASKS[name].tested_on for name in ("denoise", "stack"))
