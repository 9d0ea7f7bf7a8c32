"""What a layer is: its methods, its storage, the layers made of layers, and the checks that they share."""

from . import checks
from .arguments import check_initializer, check_number, check_sizes
from .container import Container, hidden, listed
from .gate import Gate, sum_to_shape
from .layer import Layer
from .storage import Array, Rng, Shape, as_shape, dotted
from .typed import typed

__all__ = [
    # what a layer is made from
    "Layer",
    "Container",
    "Gate",
    # what its arrays and shapes are
    "Array",
    "Rng",
    "Shape",
    "as_shape",
    "dotted",
    # what all of them need
    "checks",
    "hidden",
    "listed",
    "sum_to_shape",
    "typed",
    # old
    "check_initializer",
    "check_number",
    "check_sizes",
]
