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
