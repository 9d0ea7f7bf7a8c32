"""Optimizers: rules that change the parameters of a model by their gradients."""

from .adam import Adam, AdamW, NAdam
from .adaptive import Adadelta, Adagrad, RMSprop
from .averaging import ExponentialMovingAverage
from .composed import Joined, WarmUp
from .cycles import CosineRestarts, OneCycle
from .decays import (
    Constant,
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    MultiStepDecay,
    PolynomialDecay,
    StepDecay,
)
from .lion import Lion
from .optimizer import Optimizer
from .schedule import Schedule
from .sgd import SGD

__all__ = [
    # rules
    "SGD",
    "Adam",
    "AdamW",
    "NAdam",
    "RMSprop",
    "Adagrad",
    "Adadelta",
    "Lion",
    # learning rates that never go up
    "Constant",
    "StepDecay",
    "MultiStepDecay",
    "ExponentialDecay",
    "InverseTimeDecay",
    "PolynomialDecay",
    "CosineDecay",
    # that go up and down
    "OneCycle",
    "CosineRestarts",
    # and those made of others
    "WarmUp",
    "Joined",
    # averages of the parameters
    "ExponentialMovingAverage",
    # what rules and schedules are, for those of one's own
    "Optimizer",
    "Schedule",
]
