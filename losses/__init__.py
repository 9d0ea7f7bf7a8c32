"""Losses: one number for how wrong the predictions are, and its derivative. The 1/N lives here."""

from .cross_entropy import CategoricalCrossEntropy, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from .loss import Loss
from .margin import Hinge
from .regression import Huber, MeanAbsoluteError, MeanSquaredError
