"""The tables of the verdict over settings: every committed table in which decoders are compared.

A new table is an entry here; `table` in base.py explains the fields.
"""

from typing import Any

from ml_collections import ConfigDict

from configs.settings.base import table

PAGE = "docs/results-decoders.md"
TUNED_MNIST = f"{PAGE}#eight-of-them-under-fresh-seeds"
TUNED_NOTMNIST = f"{PAGE}#notmnist-each-decoder-with-a-learning-rate-that-suits-it"
# Noises that the networks of the tuned grids were tested with, but not trained on.
NOISES = {"salt_and_pepper": "salt and pepper 0.2", "speckle": "speckle 0.5", "masking": "masking 0.25"}
# What networks were trained on and tested with in the grids of configs/ablations/noise_kinds.py.
TRAINED_NOISES = {
    "blind": "Gaussian 0.1 to 0.5, blind",
    "blocks": "blocks left out, 0.4",
    "strokes": "strokes left out, 0.4",
    "salt_and_pepper": "salt and pepper 0.4",
    "masking": "masking 0.4",
    "speckle": "speckle 0.4",
    "poisson": "photon noise 0.4",
}
# Those that leave parts of the images out.
HOLES = ("masking", "blocks", "strokes")
# Standard deviations of 255 at which photos are tested.
PHOTO_LEVELS = (15, 25, 50)
# The grids of super-resolution that have been run: name of the table, heading of their page, and the data if the table
# does not name them.
ENLARGED = (
    ("mnist", "mnist-twice", ""),
    ("mnist-x4", "mnist-four-times", ""),
    ("notmnist", "notmnist-twice", ""),
    ("notmnist-x4", "notmnist-four-times", ""),
    ("photos", "gray-photos-twice", "gray photos"),
    ("photos-x4", "gray-photos-four-times", "gray photos"),
)
# Other photos that the networks for gray photos were tested with, and these networks: name, factor, heading.
OTHER_PHOTOS = ("BSD68", "Set12")
TESTED = (("photos", 2, "other-photos"), ("photos-x4", 4, "other-photos-four-times"))
# Data sets on which encoders were compared by their codes.
CODES = ("mnist",)
LOW = "learning rate of 3e-3 for all, too low"


def add(tables: ConfigDict) -> None:
    """Adds the entries of all tasks, in the order of the map."""
    _denoising(tables)
    _other_noises(tables)
    _other_networks(tables)
    _super_resolution(tables)
    _segmentation(tables)
    _codes(tables)
    _generators(tables)
    _low_rates(tables)


def _denoising(tables: ConfigDict) -> None:
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


def _other_noises(tables: ConfigDict) -> None:
    for kind, words in TRAINED_NOISES.items():
        for data in ("mnist", "notmnist"):
            path = f"results/noises/{data}-{kind.replace('_', '-')}"
            tables[f"noise_{data}_{kind}"] = table(
                f"{path}.csv",
                tuned=True,
                name=words,
                columns=("psnr_inside", "psnr_outside") if kind in HOLES else (),
                baselines=f"{path}-baselines.csv",
                trials=f"{path}-trials.csv",
                report="docs/results-noises.md#each-noise",
            )


def _other_networks(tables: ConfigDict) -> None:
    tables.mnist_equal = table(
        "results/tuned-mnist-equal-parameters.csv",
        tuned=True,
        name="Gaussian 0.4",
        equal_parameters=True,
        report=f"{PAGE}#with-as-many-parameters-as-nearest",
    )
    tables.longer = table(
        "results/longer-mnist.csv",
        tuned=True,
        name="Gaussian 0.4",
        axes=("epochs",),
        where={"epochs": (12.0, 48.0)},  # 3 epochs are the setting of `mnist` again
        report=f"{PAGE}#longer-training",
    )
    # The larger of the two sets of photos that these networks were tested with.
    for level in PHOTO_LEVELS:
        tables[f"photos_gray_{level}"] = table(
            "results/photos-gray.csv",
            data="gray photos",
            name=f"Gaussian {level} of 255, tested with BSD68",
            runs=r"(?P<contender>\w+)-seed(?P<seed>\d+)",
            where={"set": "BSD68", "clipped": False, "level": level / 255},
            networks="photos_gray",
            report="docs/results-photos.md#which-decoder",
        )
    tables.skips = table(
        "results/skips-mnist.csv",
        axes=("model.skip", "model.stages"),
        report=f"{PAGE}#skip-connections-and-depth",
    )


def _super_resolution(tables: ConfigDict) -> None:
    for name, heading, data in ENLARGED:
        tables[f"super_resolve_{name.replace('-', '_')}"] = _enlarging(
            name,
            heading,
            data=data,
            axes=("super_resolve.factor",),
            columns=("ssim", "spectrum_distance_db"),
            baselines=f"results/super-resolve-{name}-baselines.csv",
            trials=f"results/tuning-super-resolve-{name}.csv",
        )
    for name, factor, heading in TESTED:
        trained = f"super_resolve_{name.replace('-', '_')}"
        for photos in OTHER_PHOTOS:
            tables[f"{trained}_{photos.lower()}"] = _enlarging(
                f"{name}-other",
                heading,
                data="gray photos",
                name=f"x{factor}, tested with {photos}",
                where={"set": photos},
                columns=("ssim",),
                baselines=f"results/super-resolve-{name}-other-baselines.csv",
                networks=f"{trained}, super_resolve.factor={factor}",
            )

    # Its own test split are three photos, so that it is tested with these only.
    tables.super_resolve_colour_cbsd68 = _enlarging(
        "colour-other",
        "colour-photos-twice",
        data="colour photos",
        name="x2, tested with CBSD68",
        columns=("ssim",),
        baselines="results/super-resolve-colour-other-baselines.csv",
        trials="results/tuning-super-resolve-colour.csv",
    )


def _enlarging(path: str, heading: str, **others: Any) -> ConfigDict:
    """A table of super-resolution and its heading in the page about it."""
    report = f"docs/results-super-resolution.md#{heading}"
    return table(f"results/super-resolve-{path}.csv", task="super_resolve", tuned=True, report=report, **others)


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
        trials="results/tuning-segment-letters-skip.csv",
        report="docs/results-segmentation.md#with-skip-connections",
    )


def _codes(tables: ConfigDict) -> None:
    for data in CODES:
        tables[f"features_{data}"] = table(
            f"results/features-{data}.csv",
            task="stack",
            tuned=True,
            name="logistic regression on the code",
            axes=("stack.labels",),
            metric="accuracy",
            margin=0.005,
            not_decoders=("random",),
            trials=f"results/tuning-features-{data}.csv",
            report="docs/results-classes.md#what-the-code-of-each-decoder-is-worth",
        )


def _generators(tables: ConfigDict) -> None:
    tables.gans = table(
        "results/ablations/gans-mnist.csv",
        task="gan",
        name="KID, lower is better",
        metric="kid",
        rename={"upsample": "nearest", "transpose": "k3"},
        report="docs/results-generators.md#figures",
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
