"""What a layer is: its methods, its storage, the layers made of layers, and the checks that they share."""

from . import checks
from .arguments import check_initializer, check_number, check_sizes
from .container import Container, listed
from .gate import Gate, sum_to_shape
from .layer import Layer
from .storage import Array, Rng, Shape, as_shape

__all__ = [
    "Array",
    "Container",
    "Gate",
    "Layer",
    "Rng",
    "Shape",
    "as_shape",
    "check_initializer",
    "check_number",
    "check_sizes",
    "checks",
    "listed",
    "sum_to_shape",
]
