"""Where layers, losses and optimizers meet: the data and the loops of training."""

from .batches import batches
from .datasets import digits, spirals
