"""How many labels does it take? Pre-training and its alternatives with 100 to 55,000 labels of MNIST, three seeds each.

python -m experiments.ablate --config=configs/ablations/labels_mnist.py

pixels      logistic regression on the images themselves
frozen      logistic regression on the code of the pre-trained stack
random      the whole network, from random parameters
pretrained  the whole network, from the pre-trained stack

For each seed the stack is pre-trained once, on the training images without their labels. The four contenders of a seed
are trained on the same labelled images, the same number of each class. Expect 77.38 % (random) and 81.30 % (pretrained)
accuracy with 100 labels, 98.35 % and 98.29 % with all. `experiments.labels` makes such a grid from any stack config,
and writes a table and a plot by number of labels.
"""

from collections.abc import Sequence

from ml_collections import ConfigDict

from configs import stacked_mnist
from configs.ablations import grid_base

# Noise and dropout would only blur a logistic regression.
PLAIN = {"head_noise": 0.0, "dropout": 0.0, "label_smoothing": 0.0}
FROM_SHARED = {"pretrained": "{shared_run}", "unroll_epochs": 0.0}
FROM_NOTHING = {"pretrained": "", "pretrain_epochs": 0.0, "unroll_epochs": 0.0}
# No validation before the end: nobody reads a small run's progress, and each validation writes a checkpoint.
NEVER = {"every": 1_000_000}


def label_budgets(experiment: ConfigDict, budgets: Sequence[int], seeds: int, least_steps: int) -> ConfigDict:
    """The grid of four methods by number of labels.

    Args:
      experiment: config of a stack.
      budgets: numbers of labels; 0 for all.
      seeds: number of seeds.
      least_steps: shortest training of a head.
    """
    config = grid_base.get_config()
    config.experiment = experiment.copy_and_resolve_references()
    config.experiment.stack.embedding = "none"
    config.shared_run = {"stack": {"head": "none"}}
    config.contenders.pixels = {"stack": {"head": "pixels", **FROM_NOTHING, **PLAIN}, "eval": NEVER}
    config.contenders.frozen = {"stack": {"head": "frozen", **FROM_SHARED, **PLAIN}, "eval": NEVER}
    config.contenders.random = {"stack": {"head": "finetune", **FROM_NOTHING}, "eval": NEVER}
    config.contenders.pretrained = {"stack": {"head": "finetune", **FROM_SHARED}, "eval": NEVER}
    config.axes = {"stack": {"labels": tuple(budgets)}}
    config.seeds = seeds
    config.least_steps = least_steps
    config.reference = "random"
    config.metric = "accuracy"
    return config


def get_config() -> ConfigDict:
    experiment = stacked_mnist.get_config()
    experiment.epochs = 10.0
    experiment.stack.pretrain_epochs = 5.0
    return label_budgets(experiment, (100, 1000, 10_000, 0), seeds=3, least_steps=1000)
