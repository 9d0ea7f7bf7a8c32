"""Layers with hand-written derivatives. Each has `forward` and `backward`; `Sequential` chains them."""

from .activations import GELU, Sigmoid, SiLU, Softplus, Tanh, sigmoid
from .batch_norm import BatchNorm
from .branches import Concatenate, Residual
from .contract import Container, Gate, Layer, Noise, Padded
from .dense import Dense
from .dropout import Dropout, Dropout2D
from .elementary import Absolute, Cos, Elementwise, Exp, Log, Negate, Sin
from .embedding import Embedding
from .formula import formula
from .gates import Add, Divide, MatMul, Maximum, Minimum, Multiply, Subtract
from .graph import Graph
from .group_norm import GroupNorm, InstanceNorm
from .images import (
    AveragePool1D,
    AveragePool2D,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    DepthwiseConv2D,
    GlobalAveragePool,
    GlobalMaxPool,
    MaxPool1D,
    MaxPool2D,
    Upsample2D,
    ZeroPad2D,
)
from .initializers import (
    constant,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    normal,
    orthogonal,
)
from .normalization import LayerNorm
from .powers import Power, Sqrt
from .proof import GradientError, GradientReport, check_gradients
from .rectifiers import ELU, SELU, LeakyReLU, PReLU, ReLU
from .reductions import Max, Mean, Min, Sum
from .rms_norm import RMSNorm
from .sequences import (
    GRU,
    LSTM,
    CrossAttention,
    LastStep,
    PositionalEmbedding,
    Repeat,
    ScaledDotProduct,
    SelfAttention,
    SequenceDropout,
    SimpleRNN,
    SinusoidalPositions,
    Tied,
    TransformerBlock,
)
from .sequential import Sequential
from .shape import Flatten, Identity, Join, Reshape
from .softmax import LogSoftmax, Softmax, log_softmax, softmax
from .speed import memory  # teaches the allocator to keep what a step frees, see there

__all__ = [
    # networks
    "Sequential",
    "Residual",
    "Concatenate",
    "Graph",
    "formula",
    "Identity",
    # dense layers and tables
    "Dense",
    "Embedding",
    "Flatten",
    "Reshape",
    # activations
    "ReLU",
    "LeakyReLU",
    "PReLU",
    "ELU",
    "SELU",
    "GELU",
    "SiLU",
    "Softplus",
    "Sigmoid",
    "Tanh",
    "Softmax",
    "LogSoftmax",
    # images and sequences
    "Conv2D",
    "Conv1D",
    "DepthwiseConv2D",
    "ConvTranspose2D",
    "MaxPool2D",
    "MaxPool1D",
    "AveragePool2D",
    "AveragePool1D",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Upsample2D",
    "ZeroPad2D",
    # sequences, from step to step
    "SimpleRNN",
    "LSTM",
    "GRU",
    "LastStep",
    "Repeat",
    "Padded",
    # attention: every step looks at all others
    "SelfAttention",
    "CrossAttention",
    "ScaledDotProduct",
    "PositionalEmbedding",
    "SinusoidalPositions",
    "TransformerBlock",
    "Tied",
    # normalization and noise
    "BatchNorm",
    "LayerNorm",
    "RMSNorm",
    "GroupNorm",
    "InstanceNorm",
    "Dropout",
    "Dropout2D",
    "SequenceDropout",
    # gates
    "Add",
    "Subtract",
    "Multiply",
    "Divide",
    "Power",
    "Maximum",
    "Minimum",
    "MatMul",
    "Join",
    "Negate",
    "Absolute",
    "Exp",
    "Log",
    "Sqrt",
    "Sin",
    "Cos",
    "Sum",
    "Mean",
    "Max",
    "Min",
    "Elementwise",
    # initializers
    "he_normal",
    "he_uniform",
    "glorot_normal",
    "glorot_uniform",
    "lecun_normal",
    "lecun_uniform",
    "orthogonal",
    "normal",
    "constant",
    # functions of arrays
    "softmax",
    "log_softmax",
    "sigmoid",
    # to write layers, and to prove them
    "Layer",
    "Container",
    "Gate",
    "Noise",
    "check_gradients",
    "GradientError",
    "GradientReport",
]
