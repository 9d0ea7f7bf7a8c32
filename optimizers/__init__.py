"""Optimizers: rules that change the parameters of a model by their gradients."""

from .adam import Adam, AdamW, NAdam
from .adaptive import Adadelta, Adagrad, RMSprop
from .averaging import ExponentialMovingAverage
from .cycles import CosineRestarts, Joined, OneCycle, WarmUp
from .decays import (
    Constant,
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    MultiStepDecay,
    PolynomialDecay,
    Schedule,
    StepDecay,
)
from .lion import Lion
from .optimizer import Optimizer
from .sgd import SGD
