"""Which decoder? All settings at which decoders were compared, in one verdict.

python -m experiments.settings --config=configs/settings/decoders.py --document=docs/which-decoder.md

A few seconds. It trains nothing: it reads the committed tables of results/ that decoder_tables.py names, and writes the
tables between the markers of docs/which-decoder.md, docs/which-decoder.png and docs/which-decoder.html. A new table is
one entry in decoder_tables.py and, if it answers a question of its own, one in a function `_about_...` here; base.py
explains the fields.
"""

from ml_collections import ConfigDict

from configs.ablations import tuned_mnist
from configs.settings import base, decoder_tables
from configs.settings.base import question


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
    made = tuned_mnist.contenders()
    for name in config.contenders:
        config.options[name] = made[name]
    config.headline = ("subpixel", "large_context", "k4", "k3")
    decoder_tables.add(config.tables)
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


def _about_denoising(questions: ConfigDict) -> None:
    questions.free = question(
        "You denoise small gray images, and three times the parameters do no harm",
        ("mnist", "notmnist"),
        "larger and natural images, colour; other levels of noise in training; longer training of notMNIST",
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
        "networks of equal size; photos; other ranges of levels; longer training",
    )
    questions.holes = question(
        "You fill holes that nothing tells the network of (inpainting)",
        ("noise_*_blocks", "noise_*_strokes"),
        "networks of equal size; photos; other shapes and shares; networks that are told the holes; longer training",
    )
    questions.salt = question(
        "Your noise makes single pixels black or white (salt and pepper)",
        ("noise_*_salt_and_pepper",),
        "networks of equal size; photos; other levels; longer training",
    )
    questions.masked = question(
        "Single pixels are missing, and nothing tells the network which (masking)",
        ("noise_*_masking",),
        "networks of equal size; photos; other levels; networks that are told the pixels; longer training",
    )
    questions.scaled = question(
        "Your noise grows with brightness (speckle, photon noise)",
        ("noise_*_speckle", "noise_*_poisson"),
        "networks of equal size; photos; other levels; longer training",
    )
    questions.shifted = question(
        "The noise differs from that of the training: the two networks of the first line, tested with three noises",
        ("noises_*",),
        "networks of equal size; other levels",
    )
    questions.photos = question(
        "You denoise photos with a U-Net",
        ("photos_gray_*",),
        "more than three seeds; any decoder but `nearest`, `k3` and `k4`; a learning rate for each; colour",
    )


def _about_networks(questions: ConfigDict) -> None:
    questions.skip = question(
        "You denoise with a network that has skip connections (U-Net)",
        ("skips, model.skip=True*",),
        "sub-pixel convolution; notMNIST; a learning rate for each decoder",
    )
    questions.plain = question(
        "You denoise with a network of one to three stages without skip connections",
        ("skips, model.skip=False*",),
        "sub-pixel convolution; notMNIST; a learning rate for each decoder",
    )
    questions.few = question(
        "You have 300 to 10,000 training images",
        ("small_data*",),
        "any decoder but `nearest` and `k3`; a learning rate that suits them; notMNIST",
    )


def _about_other_tasks(questions: ConfigDict) -> None:
    questions.enlarge_twice = question(
        "You enlarge small gray images twice (super-resolution)",
        ("super_resolve_mnist,*", "super_resolve_notmnist,*"),
        "networks of equal size; low resolution with noise; longer training",
    )
    questions.enlarge_four_times = question(
        "You enlarge small gray images four times",
        ("super_resolve_mnist_x4*", "super_resolve_notmnist_x4*"),
        "networks of equal size; a factor of 3; low resolution with noise; longer training",
    )
    questions.enlarge_photos_twice = question(
        "You enlarge gray photos twice: the same networks, tested with three sets",
        ("super_resolve_photos,*", "super_resolve_photos_bsd68", "super_resolve_photos_set12"),
        "networks of equal size; low resolution with noise; longer training; larger networks",
    )
    questions.enlarge_photos_four_times = question(
        "You enlarge gray photos four times: the same networks, tested with three sets",
        ("super_resolve_photos_x4*",),
        "networks of equal size; a factor of 3; colour; low resolution with noise; longer training; larger networks",
    )
    questions.enlarge_colour = question(
        "You enlarge colour photos twice",
        ("super_resolve_colour_*",),
        "networks of equal size; four times; low resolution with noise; other test photos; longer training",
    )
    questions.segment = question(
        "You segment: a class for each pixel",
        ("segment_*",),
        "networks of equal size; networks without skip connections; photos, larger images and other classes",
    )
    questions.classify = question(
        "You classify by the code of a frozen encoder",
        ("features_*",),
        "fine-tuning; longer pre-training; larger encoders and other data sets",
    )
    questions.generate = question(
        "You train a GAN",
        ("gans",),
        "more than three seeds; any decoder but `nearest` and `k3`; tuning; notMNIST",
    )
