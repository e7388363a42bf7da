"""Which decoder? All settings at which decoders were compared, in one verdict.

python -m experiments.settings --config=configs/settings/decoders.py --document=docs/which-decoder.md

A few seconds. It trains nothing: it reads the committed tables of results/ that are named here, and writes the tables
between the markers of docs/which-decoder.md, docs/which-decoder.png and docs/which-decoder.html. A new table is one
entry in `_tables` and, if it answers a question of its own, one in a function `_about_...`; configs/settings/base.py
explains the fields.
"""

from ml_collections import ConfigDict

from configs.settings import base
from configs.settings.base import question, table

PAGE = "docs/results-decoders.md"
TUNED_MNIST = f"{PAGE}#eight-of-them-under-fresh-seeds"
TUNED_NOTMNIST = f"{PAGE}#notmnist-each-decoder-with-a-learning-rate-that-suits-it"
# Noises that the networks of the tuned grids were tested with, but not trained on.
NOISES = {"salt_and_pepper": "salt and pepper 0.2", "speckle": "speckle 0.5", "masking": "masking 0.25"}
# What networks were trained on and tested with in the grids of configs/ablations/noise_kinds.py.
TRAINED_NOISES = {
    "blind": "Gaussian 0.1 to 0.5, blind",
    "salt_and_pepper": "salt and pepper 0.4",
    "masking": "masking 0.4",
    "speckle": "speckle 0.4",
    "poisson": "photon noise 0.4",
    "blocks": "blocks left out, 0.4",
    "strokes": "strokes left out, 0.4",
}
# Those of these grids that have been run.
TRAINED = (
    "mnist_blind",
    "notmnist_blind",
    "mnist_blocks",
    "notmnist_blocks",
    "mnist_strokes",
    "notmnist_strokes",
    "mnist_salt_and_pepper",
    "notmnist_salt_and_pepper",
    "mnist_masking",
    "notmnist_masking",
)
# Those that leave parts of the images out.
HOLES = ("masking", "blocks", "strokes")
# The grids of super-resolution that have been run: name of the table, heading of their page, and the data if the table
# does not name them.
ENLARGED = (
    ("mnist", "mnist-twice", ""),
    ("mnist-x4", "mnist-four-times", ""),
    ("photos", "gray-photos-twice", "gray photos"),
)
# Other photos that the networks for gray photos, twice, were tested with.
OTHER_PHOTOS = ("BSD68", "Set12")
LOW = "learning rate of 3e-3 for all, too low"


def get_config() -> ConfigDict:
    config = base.get_config()
    config.reference = "nearest"
    config.contenders.nearest = "resize to the nearest neighbour, convolve 3 x 3"
    config.contenders.nearest_k5 = "resize to the nearest neighbour, convolve 5 x 5"
    config.contenders.bilinear = "resize bilinearly, convolve 3 x 3"
    config.contenders.before = "convolve 3 x 3, then resize to the nearest neighbour"
    config.contenders.sampling = "point sampling, convolve 3 x 3"
    config.contenders.unpool = "max-unpooling, convolve 3 x 3"
    config.contenders.k3 = "transposed convolution, 3 x 3"
    config.contenders.k4 = "transposed convolution, 4 x 4"
    config.contenders.k4_icnr = "transposed convolution, 4 x 4, phases that start equal"
    config.contenders.k6 = "transposed convolution, 6 x 6"
    config.contenders.large_context = "transposed convolutions, 7 x 7 and 3 x 3 added"
    config.contenders.subpixel = "sub-pixel convolution, 3 x 3"
    config.headline = ("subpixel", "large_context", "k4", "k3")
    _tables(config.tables)
    _low_rates(config.tables)
    _about_denoising(config.questions)
    _about_networks(config.questions)
    _about_other_tasks(config.questions)
    return config


def part(prefix: str) -> ConfigDict:
    """The settings whose entries begin like this, for a document about them; without questions and HTML page."""
    config = get_config()
    config.page = False
    for name in [name for name in config.tables if not name.startswith(prefix)]:
        del config.tables[name]
    for name in list(config.questions):
        del config.questions[name]
    return config


def _tables(tables: ConfigDict) -> None:
    tables.mnist = table("results/tuned-mnist.csv", tuned=True, name="Gaussian 0.4", report=TUNED_MNIST)
    tables.notmnist = table("results/tuned-notmnist.csv", tuned=True, name="Gaussian 0.4", report=TUNED_NOTMNIST)
    for kind, words in NOISES.items():
        for data, page in (("mnist", f"{PAGE}#what-else-differs"), ("notmnist", TUNED_NOTMNIST)):
            tables[f"noises_{data}_{kind}"] = table(
                f"results/tuned-{data}-noises.csv",
                tuned=True,
                name=f"tested with {words}",
                where={"kind": kind},
                networks=data,
                report=page,
            )
    for grid in TRAINED:
        data, _, kind = grid.partition("_")
        path = f"results/noises/{data}-{kind.replace('_', '-')}"
        tables[f"noise_{grid}"] = table(
            f"{path}.csv",
            tuned=True,
            name=TRAINED_NOISES[kind],
            columns=("psnr_inside", "psnr_outside") if kind in HOLES else (),
            baselines=f"{path}-baselines.csv",
            report="docs/results-noises.md#each-noise",
        )
    tables.mnist_equal = table(
        "results/tuned-mnist-equal-parameters.csv",
        tuned=True,
        name="Gaussian 0.4",
        equal_parameters=True,
        report=f"{PAGE}#with-as-many-parameters-as-nearest",
    )
    # Its runs of 3 epochs repeat those of `mnist`.
    for epochs in (12, 48):
        tables[f"longer_{epochs}"] = table(
            "results/longer-mnist.csv",
            tuned=True,
            name=f"Gaussian 0.4, {epochs} epochs",
            where={"epochs": float(epochs)},
            report=f"{PAGE}#longer-training",
        )
    tables.skips = table(
        "results/skips-mnist.csv",
        axes=("model.skip", "model.stages"),
        report=f"{PAGE}#skip-connections-and-depth",
    )
    _super_resolution(tables)
    _segmentation(tables)
    tables.gans = table(
        "results/ablations/gans-mnist.csv",
        task="gan",
        name="KID, lower is better",
        metric="kid",
        rename={"upsample": "nearest", "transpose": "k3"},
        report="docs/results-generators.md#figures",
    )


def _super_resolution(tables: ConfigDict) -> None:
    for name, heading, data in ENLARGED:
        tables[f"super_resolve_{name.replace('-', '_')}"] = table(
            f"results/super-resolve-{name}.csv",
            task="super_resolve",
            tuned=True,
            data=data,
            axes=("super_resolve.factor",),
            columns=("ssim", "spectrum_distance_db"),
            baselines=f"results/super-resolve-{name}-baselines.csv",
            report=f"docs/results-super-resolution.md#{heading}",
        )
    for name in OTHER_PHOTOS:
        tables[f"super_resolve_photos_{name.lower()}"] = table(
            "results/super-resolve-photos-other.csv",
            task="super_resolve",
            tuned=True,
            data="gray photos",
            name=f"x2, tested with {name}",
            where={"set": name},
            columns=("ssim",),
            networks="super_resolve_photos, super_resolve.factor=2",
            report="docs/results-super-resolution.md#other-photos",
        )


def _segmentation(tables: ConfigDict) -> None:
    tables.segment_skip = table(
        "results/segment-letters-skip.csv",
        task="segment",
        tuned=True,
        axes=("model.skip",),
        metric="mean_iou",
        margin=0.01,
        columns=("boundary_f1", "boundary_f1_2", "accuracy"),
        baselines="results/segment-letters-skip-baselines.csv",
        report="docs/results-segmentation.md#with-skip-connections",
    )


def _low_rates(tables: ConfigDict) -> None:
    tables.low_mnist = table(
        "results/ablations/decoders-mnist.csv", name="Gaussian 0.4", left_out=LOW, report=f"{PAGE}#mnist"
    )
    tables.low_notmnist = table(
        "results/ablations/decoders-notmnist.csv", name="Gaussian 0.4", left_out=LOW, report=f"{PAGE}#notmnist-small"
    )
    tables.low_mnist_equal = table(
        "results/ablations/decoders-mnist-equal-parameters.csv",
        name="Gaussian 0.4",
        equal_parameters=True,
        left_out=LOW,
        report=f"{PAGE}#mnist",
    )
    tables.small_data = table(
        "results/ablations/decoders-mnist-small-data.csv",
        axes=("data.train_limit",),
        left_out=LOW,
        report=f"{PAGE}#few-training-images",
    )


def _about_denoising(questions: ConfigDict) -> None:
    questions.free = question(
        "You denoise small gray images, and three times the parameters do no harm",
        ("mnist", "notmnist"),
        "larger and natural images, colour, other levels of noise in training, longer training",
    )
    questions.equal = question(
        "The same, with as many parameters as `nearest`",
        ("mnist_equal",),
        "any data set but MNIST",
    )
    questions.cheap = question(
        "The same, with as many multiplications as `nearest` or fewer",
        ("mnist", "notmnist"),
        "widths chosen for equal multiplications; speed on a GPU",
        most={"multiplications": 1.0},
    )
    questions.blind = question(
        "You do not know how strong the noise is (blind denoising)",
        ("noise_*_blind",),
        "photos; other ranges of levels; longer training",
    )
    questions.holes = question(
        "You fill holes that nothing tells the network of (inpainting)",
        ("noise_*_blocks", "noise_*_strokes"),
        "photos; other shapes and shares; networks that are told the holes; longer training",
    )
    questions.replaced = question(
        "Your noise replaces single pixels (salt and pepper, masking)",
        ("noise_*_salt_and_pepper", "noise_*_masking"),
        "photos; other levels; longer training",
    )
    questions.shifted = question(
        "The noise differs from that of the training",
        ("noises_*",),
        "other levels; networks trained on these noises",
    )


def _about_networks(questions: ConfigDict) -> None:
    questions.skip = question(
        "Your network has skip connections (U-Net)",
        ("skips, model.skip=True*",),
        "sub-pixel convolution; notMNIST; a learning rate for each decoder",
    )
    questions.plain = question(
        "Your network has one to three stages without skip connections",
        ("skips, model.skip=False*",),
        "sub-pixel convolution; notMNIST; a learning rate for each decoder",
    )
    questions.few = question(
        "You have 300 to 10,000 training images",
        ("small_data*",),
        "any decoder but `nearest` and `k3`; a learning rate that suits them; notMNIST",
    )


def _about_other_tasks(questions: ConfigDict) -> None:
    questions.enlarge = question(
        "You enlarge small gray images (super-resolution)",
        ("super_resolve_mnist*",),
        "a factor of 3; notMNIST; low resolution with noise; longer training",
    )
    questions.enlarge_photos = question(
        "You enlarge photos (super-resolution)",
        ("super_resolve_photos*",),
        "factors of 3 and 4; colour; low resolution with noise, or made otherwise; longer training; larger networks",
    )
    questions.segment = question(
        "You segment: a class for each pixel",
        ("segment_*",),
        "networks without skip connections; photos, larger images and other classes; longer training",
    )
    questions.generate = question(
        "You train a GAN",
        ("gans",),
        "more than three seeds; any decoder but `nearest` and `k3`; tuning; notMNIST",
    )
