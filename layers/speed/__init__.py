"""Tricks that make layers fast, each with a name, one place, and what it buys."""

from .channels import as_rows, repeat_channels, sum_over_pixels
from .products import multiply_into
from .sums import BLOCK, sum_axes, sum_columns, sum_rows, sum_rows_into, sum_to_shape, weigh_rows

__all__ = [
    # one number for each channel
    "as_rows",
    "repeat_channels",
    "sum_over_pixels",
    # products of matrices
    "multiply_into",
    # sums over many numbers
    "BLOCK",
    "sum_rows",
    "sum_rows_into",
    "sum_columns",
    "sum_axes",
    "weigh_rows",
    "sum_to_shape",
]
