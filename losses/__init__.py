"""Losses: one number for how wrong the predictions are, and its derivative. The 1/N lives here."""

from .cross_entropy import CategoricalCrossEntropy, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from .loss import Loss
from .margin import Hinge
from .regression import Huber, MeanAbsoluteError, MeanSquaredError

__all__ = [
    # classes: of logits, of probabilities, of scores
    "SoftmaxCrossEntropy",
    "SigmoidBinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "Hinge",
    # real numbers
    "MeanSquaredError",
    "MeanAbsoluteError",
    "Huber",
    # to write losses
    "Loss",
]
