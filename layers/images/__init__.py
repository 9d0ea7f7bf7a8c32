"""Layers on images (N, H, W, C) and sequences (N, T, C), channels last, that see them through windows."""

from .average_pooling import AveragePool1D, AveragePool2D
from .convolution import Conv1D, Conv2D
from .depthwise import DepthwiseConv2D
from .global_pooling import GlobalAveragePool, GlobalMaxPool
from .pooling import MaxPool1D, MaxPool2D
from .resampling import Upsample2D, ZeroPad2D
from .transposed import ConvTranspose2D

__all__ = [
    # convolutions
    "Conv2D",
    "Conv1D",
    "DepthwiseConv2D",
    "ConvTranspose2D",
    # pools
    "MaxPool2D",
    "MaxPool1D",
    "AveragePool2D",
    "AveragePool1D",
    "GlobalMaxPool",
    "GlobalAveragePool",
    # sizes
    "Upsample2D",
    "ZeroPad2D",
]
