"""Optimizers: rules that change the parameters of a model by their gradients."""

from .optimizer import Optimizer
from .sgd import SGD
