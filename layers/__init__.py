"""Layers with hand-written derivatives. Each has `forward` and `backward`; `Sequential` chains them."""

from . import memory
from .activations import GELU, Sigmoid, SiLU, Softplus, Tanh
from .batch_norm import BatchNorm
from .branches import Concatenate, Residual
from .container import Container
from .convolution import Conv1D, Conv2D
from .dense import Dense
from .depthwise import DepthwiseConv2D
from .dropout import Dropout, Dropout2D
from .embedding import Embedding
from .gate import Gate
from .gates import Add, Divide, Exp, Log, MatMul, Maximum, Multiply, Subtract
from .global_pooling import GlobalAveragePool, GlobalMaxPool
from .gradient_check import check_gradients
from .gradient_report import GradientError, GradientReport
from .group_norm import GroupNorm, InstanceNorm
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
from .layer import Layer
from .normalization import LayerNorm, RMSNorm
from .pooling import (
    AveragePool1D,
    AveragePool2D,
    MaxPool1D,
    MaxPool2D,
)
from .rectifiers import ELU, SELU, LeakyReLU, PReLU, ReLU
from .reductions import Max, Mean, Sum
from .resampling import Upsample2D, ZeroPad2D
from .sequential import Sequential
from .shape import Flatten, Identity, Reshape
from .softmax import LogSoftmax, Softmax
from .transposed import ConvTranspose2D
