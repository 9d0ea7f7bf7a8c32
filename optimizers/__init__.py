"""Optimizers: rules that change the parameters of a model by their gradients."""

from .adam import Adam, AdamW, NAdam
from .adaptive import Adadelta, Adagrad, RMSprop
from .lion import Lion
from .optimizer import Optimizer
from .sgd import SGD
