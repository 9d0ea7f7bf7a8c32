"""What a layer is: its methods, its storage, the layers made of layers, and the checks that they share."""

from . import checks
from .blame import blame, returned_nothing
from .container import Container, hidden, listed
from .gate import Gate, within_range
from .given import cure_of
from .last_axis import End, follow
from .layer import Layer
from .noise import Noise, found
from .padded import Padded, as_examples, as_numbers, check_lengths, real_steps, stacked, without_padding
from .relay import Relay, through
from .storage import Array, Rng, Shape, as_shape, dotted, native
from .table import LEFT, RIGHT, Table, html_of
from .trace import Part, Trace, each_input
from .typed import typed

__all__ = [
    # what a layer is made from
    "Layer",
    "Container",
    "Gate",
    "Noise",
    # rows of unequal length, and memory
    "Relay",
    "through",
    "Padded",
    "as_examples",
    "as_numbers",
    "check_lengths",
    "real_steps",
    "stacked",
    "without_padding",
    # what its arrays and shapes are
    "Array",
    "Rng",
    "Shape",
    "as_shape",
    "dotted",
    "native",
    # whether they fit one another
    "End",
    "follow",
    # what flows through them
    "Part",
    "Trace",
    "each_input",
    # how they are shown
    "LEFT",
    "RIGHT",
    "Table",
    "html_of",
    # what all of them need
    "blame",
    "returned_nothing",
    "checks",
    "cure_of",
    "found",
    "hidden",
    "listed",
    "typed",
    "within_range",
]
