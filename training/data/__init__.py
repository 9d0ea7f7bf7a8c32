"""Data: batches, preparation, data sets that are made or come with the package, and files of others."""

from .batches import batches
from .datasets import adding, circles, digits, moons, sine, spirals, xor
from .idx_files import mnist, read_idx
from .labels import Labels, balanced_weights
from .preparation import one_hot, padded, train_test_split
from .scaling import Standardizer, standardize
from .text import Vocabulary, windows

__all__ = [
    # a pass over the data
    "batches",
    # made ready
    "train_test_split",
    "standardize",
    "Standardizer",
    "one_hot",
    "Labels",
    "balanced_weights",
    "padded",
    # text as numbers
    "Vocabulary",
    "windows",
    # real data: embedded, or read from files
    "digits",
    "mnist",
    "read_idx",
    # made from a seed: classes, a curve to fit, sequences to remember
    "spirals",
    "moons",
    "circles",
    "xor",
    "sine",
    "adding",
]
