"""Every derivative of the toolkit against central differences of its forward: one row for each case.

A row is a layer or loss and what goes into its forward: a tuple is the shape of a random input, an array the input.
"""

import copy
import math

import numpy as np
import pytest

import layers
import losses
from layers import (
    ELU,
    GELU,
    GRU,
    LSTM,
    SELU,
    Absolute,
    Add,
    AveragePool1D,
    AveragePool2D,
    BatchNorm,
    Concatenate,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Cos,
    CrossAttention,
    Dense,
    DepthwiseConv2D,
    Divide,
    Dropout,
    Dropout2D,
    Elementwise,
    Embedding,
    Exp,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Graph,
    GroupNorm,
    Identity,
    InstanceNorm,
    Join,
    LastStep,
    Layer,
    LayerNorm,
    LeakyReLU,
    Log,
    LogSoftmax,
    MatMul,
    Max,
    Maximum,
    MaxPool1D,
    MaxPool2D,
    Mean,
    Min,
    Minimum,
    Multiply,
    Negate,
    PositionalEmbedding,
    Power,
    PReLU,
    ReLU,
    Repeat,
    Reshape,
    Residual,
    RMSNorm,
    ScaledDotProduct,
    SelfAttention,
    SequenceDropout,
    Sequential,
    Sigmoid,
    SiLU,
    SimpleRNN,
    Sin,
    SinusoidalPositions,
    Softmax,
    Softplus,
    Sqrt,
    Subtract,
    Sum,
    Tanh,
    Tied,
    TransformerBlock,
    Upsample2D,
    ZeroPad2D,
    check_gradients,
)
from losses import (
    CategoricalCrossEntropy,
    Hinge,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    SigmoidBinaryCrossEntropy,
    SoftmaxCrossEntropy,
)

ABSTRACT = {"Container", "Gate", "Layer", "Loss"}  # they have no forward of their own
POSITIVE = np.random.default_rng(1).uniform(0.5, 2.0, (3, 4))
CLASSES = np.array([0, 3, 1, 3, 2])
SOFT = np.random.default_rng(2).dirichlet(np.ones(4), 5)
WEIGHTS = np.array([1.0, 0.0, 2.5, 0.5, 1.0])
SIGNS = np.array([1, -1, -1, 1, 1])
X, Y = np.random.default_rng(3).normal(size=(2, 5, 4))
SEQUENCE = np.array([[0, 1, 3], [2, 2, 1]])
WIDE = np.linspace(-7.9, 7.9, 20).reshape(5, 4)  # off the integers: there kinks are

LAYERS = [
    # dense.py
    (Dense(4, 3), (5, 4)),
    (Dense(4, 3), (1, 4)),
    (Dense(1, 1), (5, 1)),
    (Dense(1, 1), (1, 1)),
    (Dense(4, 3, use_bias=False), (5, 4)),
    (Dense(4, 3), (2, 3, 4)),
    (Dense(4, 3), (2, 1, 4)),
    # activations.py, rectifiers.py
    *((layer(), shape) for layer in (Sigmoid, Tanh, Softplus, SiLU, GELU) for shape in ((5, 4), (1, 1), (2, 3, 4))),
    *((layer(), shape) for layer in (ReLU, LeakyReLU, ELU, SELU) for shape in ((5, 4), (1, 1), (2, 3, 4))),
    (LeakyReLU(0.3), (5, 4)),
    (ELU(0.7), (5, 4)),
    (PReLU(), (5, 4)),
    (PReLU(4), (5, 4)),
    (PReLU(4), (2, 3, 4)),
    (PReLU(1), (1, 1)),
    *((layer(), WIDE) for layer in (Sigmoid, Tanh, Softplus, SiLU, GELU, ReLU, LeakyReLU, PReLU, ELU, SELU)),
    # softmax.py
    *((layer(), shape) for layer in (Softmax, LogSoftmax) for shape in ((5, 4), (1, 1), (2, 3, 4))),
    (Softmax(axis=1), (2, 3, 4)),
    (LogSoftmax(axis=1), (2, 3, 4)),
    # dropout.py, shape.py, embedding.py
    (Dropout(0.4, rng=0), (5, 4)),
    (Dropout(0.0), (1, 1)),
    *((Dropout2D(0.4, rng=0), shape) for shape in ((2, 3, 4, 5), (2, 4, 3), (1, 1, 1, 1))),
    *((Identity(), shape) for shape in ((5, 4), (1, 1))),
    (Flatten(), (2, 3, 4)),
    (Flatten(), (5, 4)),
    (Reshape((2, 2)), (5, 4)),
    (Reshape((2, -1, 1)), (5, 4)),
    (Embedding(5, 3), np.array([0, 4, 4, 1])),
    (Embedding(5, 3), np.array([[0, 4, 4], [1, 4, 0]])),
    (Embedding(1, 1), np.array([0])),
    # convolution.py, transposed.py: the options one by one, and several together
    *((layer(2, 3, **options), (2, 6, 5, 2))
      for layer in (Conv2D, ConvTranspose2D)
      for options in (
          {"kernel_size": 3},
          {"kernel_size": 1},
          {"kernel_size": (2, 3), "use_bias": False},
          {"kernel_size": (6, 5)},  # as large as the image
          {"kernel_size": 3, "padding": 1},
          {"kernel_size": (3, 2), "padding": ((0, 2), (3, 1))},
          {"kernel_size": 3, "stride": 2},  # a remainder, and windows that overlap
          {"kernel_size": (1, 2), "stride": 3},  # stride larger than the kernel
          {"kernel_size": 3, "stride": (2, 1), "padding": (1, 2)},
          {"kernel_size": 2, "stride": 2, "padding": "same"},
          {"kernel_size": (4, 3), "stride": (3, 2), "padding": "same"},
          {"kernel_size": (4, 2), "stride": (1, 3), "padding": "same", "dilation": (1, 2)},
          {"kernel_size": 2, "dilation": (3, 2)},
          {"kernel_size": 3, "dilation": 2, "padding": 2},
          {"kernel_size": (2, 3), "stride": (2, 3), "padding": ((1, 2), (0, 3)), "dilation": (2, 1)},
      )),
    *((layer(1, 1, 3, padding=1), shape) for layer in (Conv2D, ConvTranspose2D)
      for shape in ((1, 4, 4, 1), (1, 3, 1, 1), (1, 1, 1, 1))),
    (Conv2D(4, 6, 3, n_groups=2), (2, 5, 4, 4)),
    (Conv2D(4, 6, (2, 3), stride=(2, 1), padding="same", dilation=(1, 2), n_groups=2), (2, 5, 4, 4)),
    (Conv2D(3, 3, 3, padding=1, n_groups=3), (2, 4, 5, 3)),
    (Conv2D(3, 6, 2, stride=2, n_groups=3), (1, 4, 5, 3)),
    (DepthwiseConv2D(3, 3, padding=1), (2, 4, 5, 3)),
    (DepthwiseConv2D(3, (2, 3), stride=(1, 2), padding="same", dilation=(2, 1), multiplier=2), (2, 4, 5, 3)),
    (DepthwiseConv2D(1, 1, use_bias=False), (1, 1, 1, 1)),
    (ConvTranspose2D(2, 3, 3, stride=2, padding=1, output_padding=1), (2, 3, 4, 2)),
    (ConvTranspose2D(2, 3, (1, 3), stride=(3, 2), output_padding=(2, 0), dilation=(1, 2)), (2, 3, 4, 2)),
    *((Conv1D(2, 3, **options), (2, 7, 2))
      for options in (
          {"kernel_size": 3},
          {"kernel_size": 7},
          {"kernel_size": 3, "stride": 2, "padding": "same"},
          {"kernel_size": 3, "dilation": 2, "padding": (4, 0), "use_bias": False},
          {"kernel_size": 2, "stride": 3},
      )),
    (Conv1D(4, 2, 3, padding=1, n_groups=2), (1, 5, 4)),
    (Conv1D(1, 1, 1), (1, 1, 1)),
    # pooling.py, resampling.py
    *((layer(*arguments), (2, 6, 5, 3))
      for layer in (MaxPool2D, AveragePool2D)
      for arguments in (
          (2,),
          (1,),
          ((6, 5),),
          (3, 2),  # windows that overlap
          ((2, 3), 1, ((1, 0), (2, 1))),
          (2, 3),  # stride larger than the kernel
          (3, 2, "same"),
      )),
    *((layer(2, padding=1), (1, 1, 1, 1)) for layer in (MaxPool2D, AveragePool2D)),
    (AveragePool2D(3, stride=2, padding=1, count_padding=True), (2, 6, 5, 3)),
    *((layer(*arguments), (2, 7, 3)) for layer in (MaxPool1D, AveragePool1D)
      for arguments in ((2,), (3, 1, "same"), (3, 2, (2, 1)), (7,))),
    (AveragePool1D(3, padding=1, count_padding=True), (2, 7, 3)),
    *((layer(), shape) for layer in (GlobalAveragePool, GlobalMaxPool)
      for shape in ((2, 3, 4, 2), (2, 5, 3), (1, 1, 1, 1))),
    *((Upsample2D(factor), (2, 3, 4, 2)) for factor in (2, (1, 3), 1)),
    *((ZeroPad2D(padding), (2, 3, 4, 2)) for padding in (1, (2, 0), ((0, 1), (3, 2)), 0)),
    # batch_norm.py, normalization.py, group_norm.py: batch of 1, T = 1 and one feature, as far as they are legal
    *((BatchNorm(shape[-1], momentum=momentum, epsilon=epsilon), shape)
      for shape, momentum, epsilon in (
          ((5, 4), 0.1, 1e-5),
          ((2, 4), 1.0, 0.3),
          ((5, 1), 0.0, 1e-5),
          ((2, 3, 4), 0.1, 1e-5),
          ((2, 1, 4), 0.1, 1e-5),
          ((1, 3, 4), 0.1, 1e-5),
          ((3, 4, 5, 3), 0.1, 1e-5),
          ((1, 2, 1, 3), 0.1, 1e-3),
          ((2, 3, 4, 1), 0.1, 1e-5),
      )),
    *((layer(shape[-1], epsilon=epsilon), shape)
      for layer in (LayerNorm, RMSNorm)
      for shape, epsilon in (
          ((5, 4), 1e-5),
          ((1, 4), 0.3),
          ((5, 1), 1e-2),
          ((1, 1), 1e-2),
          ((2, 3, 4), 1e-5),
          ((2, 1, 4), 1e-5),
          ((2, 3, 2, 4), 1e-5),
      )),
    *((GroupNorm(shape[-1], n_groups), shape)
      for shape, n_groups in (
          ((5, 4), 2),
          ((1, 4), 1),
          ((2, 3, 4), 2),
          ((2, 3, 4), 4),
          ((1, 1, 4), 2),
          ((2, 3, 4, 6), 3),
          ((1, 3, 2, 1), 1),
      )),
    (GroupNorm(6, 2, epsilon=0.3), (2, 3, 4, 6)),
    *((InstanceNorm(shape[-1], epsilon=epsilon), shape)
      for shape, epsilon in (((2, 3, 4), 1e-5), ((2, 3, 4, 3), 0.3), ((1, 4, 1), 1e-5), ((1, 2, 1, 3), 1e-2))),
    # sequential.py, branches.py
    (Sequential([Dense(4, 6), Tanh(), Dense(6, 3)]), (5, 4)),
    (Sequential([Flatten(), Dense(12, 6), ReLU(), Dense(6, 3), Softmax()]), (5, 3, 4)),
    (Sequential([Embedding(5, 3), Flatten(), Dense(6, 4), Dropout(0.3), SiLU()]), np.array([[0, 1], [1, 1], [4, 2]])),
    (Sequential([Dense(4, 4), Sequential([Tanh(), Sequential([Dense(4, 4)])])]), (5, 4)),
    (Residual([Dense(4, 6), Tanh(), Dense(6, 4)]), (5, 4)),
    (Residual([Tanh()]), (1, 1)),
    (Sequential([Dense(4, 4), Residual([Dense(4, 4), Tanh()]), Residual([Sigmoid()]), Dense(4, 2)]), (5, 4)),
    (Residual([Dense(4, 3), Tanh()], projection=Dense(4, 3)), (5, 4)),
    (Residual([Dense(1, 1)], projection=[Dense(1, 1), BatchNorm(1), Tanh()]), (5, 1)),
    (Residual([Tanh()], projection=Sigmoid()), (1, 1)),
    (Residual([Conv2D(2, 4, 3, stride=2, padding=1), BatchNorm(4), Tanh(), Conv2D(4, 4, 3, padding=1), BatchNorm(4)],
              projection=[Conv2D(2, 4, 1, stride=2), BatchNorm(4)]), (2, 5, 4, 2)),
    (Concatenate([Dense(4, 2), Tanh()], Dense(4, 1)), (5, 4)),
    (Concatenate(Sigmoid()), (1, 1)),
    (Concatenate(Identity(), [Tanh(), Dropout(0.4, rng=0)], Identity()), (2, 3, 4)),
    (Concatenate(Embedding(5, 3), [Embedding(5, 2), Tanh()]), np.array([[0, 4, 4], [1, 4, 0]])),
    (Sequential([Concatenate(Conv2D(2, 1, 1), [Conv2D(2, 2, 3, padding=1), SiLU()], AveragePool2D(3, 1, padding=1)),
                 Concatenate(Residual([Tanh()]), Concatenate(Identity(), Conv2D(5, 1, (1, 3), padding="same")))]),
     (2, 4, 3, 2)),
    # graph.py: a fork, a constant, a skip connection, an x that is read twice, a graph in a graph
    (Graph({"a": (Dense(4, 3), "x"), "b": (Tanh(), "a"), "c": (Multiply(), "a", "b"), "k": 0.5, "d": (Add(), "c", "k")}
           ), (5, 4)),
    (Graph({"out": (Multiply(), "x", "x")}), (1, 1)),
    (Graph({"a": (Conv2D(2, 3, 3, stride=2, padding=1), "x"), "b": (Upsample2D(2), "a"), "out": (Join(), "b", "x")}),
     (2, 4, 6, 2)),
    (Graph({"t": (Embedding(5, 3), "x"), "f": (Flatten(), "t"), "g": (Dense(6, 3), "f"), "m": (Mean(axis=1), "t"),
            "out": (Subtract(), "g", "m")}), np.array([[0, 1], [1, 1], [4, 2]])),
    (Sequential([Graph({"a": (Dense(4, 3), "x"), "h": (Residual([Sigmoid()]), "a"),
                        "g": (Graph({"b": (Dense(3, 3), "u"), "c": (Add(), "b", "v")}), "a", "h")}), Dense(3, 2)]),
     (5, 4)),
    # sequences: lengths, first states and dstate are in test_recurrent.py, test_relay.py and test_padded.py
    *((layer(shape[-1], n_units, **options), shape)
      for layer, options in (
          (SimpleRNN, {}), (SimpleRNN, {"activation": "relu"}), (SimpleRNN, {"reverse": True}),
          (LSTM, {}), (LSTM, {"reverse": True}),
          (GRU, {}), (GRU, {"reverse": True}), (GRU, {"reset_after": False}),
          (GRU, {"reset_after": False, "reverse": True}),
      )
      for shape, n_units in (((2, 5, 3), 4), ((1, 4, 2), 3), ((3, 1, 2), 2), ((2, 3, 1), 1), ((1, 1, 1), 1))),
    *((LastStep(), shape) for shape in ((2, 5, 3), (1, 1, 1))),
    *((Repeat(n_steps), shape) for n_steps, shape in ((3, (2, 4)), (1, (1, 1)))),
    *((SequenceDropout(0.4, rng=0), shape) for shape in ((2, 4, 3), (1, 1, 1))),
    (Concatenate([LSTM(3, 2)], [LSTM(3, 2, reverse=True)]), (2, 5, 3)),
    *((SelfAttention(n_features, n_heads, **options), (n, n_steps, n_features))
      for options in ({}, {"causal": True}, {"use_bias": False}, {"dropout": 0.4, "causal": True})
      for n, n_steps, n_features, n_heads in ((2, 5, 6, 3), (1, 4, 4, 1), (3, 1, 4, 2), (2, 3, 1, 1), (1, 1, 1, 1))),
    *((PositionalEmbedding(5, 3), shape) for shape in ((2, 5, 3), (3, 1, 3))),
    *((SinusoidalPositions(n), (2, 3, n)) for n in (4, 1, 3)),
    *((TransformerBlock(4, 2, rng=0, **options), (2, 3, 4))
      for options in ({}, {"causal": True, "exact": True}, {"use_bias": False, "n_hidden": 3}, {"dropout": 0.3})),
    (Tied(Embedding(5, 4), [PositionalEmbedding(6, 4), TransformerBlock(4, 2, causal=True), LayerNorm(4)]), SEQUENCE),
    (Tied(Embedding(5, 3), LSTM(3, 3)), SEQUENCE),
    (GELU(exact=True), (3, 4)),
    (LayerNorm(4, use_bias=False), (3, 4)),
    (Sequential([Embedding(5, 3), GRU(3, 4), LastStep(), Repeat(2), LSTM(4, 3), Residual([SimpleRNN(3, 3)])]),
     SEQUENCE),
]  # fmt: skip

GATES = [
    *((ScaledDotProduct(causal=causal), (*front, t, d), (*front, s, d), (*front, s, e))
      for causal in (False, True)
      for front, t, s, d, e in (((2, 3), 4, 6, 5, 2), ((), 3, 3, 2, 2), ((1,), 1, 4, 1, 1), ((2,), 1, 1, 3, 2))),
    (ScaledDotProduct(causal=True), (5, 2), (3, 2), (3, 2)),
    (CrossAttention(6, 3), (2, 4, 6), (2, 5, 6)),
    (CrossAttention(4, 2, n_memory=3, use_bias=False), (1, 1, 4), (1, 2, 3)),
    (CrossAttention(2, 1, dropout=0.5), (3, 2, 2), (3, 1, 2)),
    *((gate(), a, b) for gate in (Add, Subtract, Multiply, Maximum, Minimum) for a, b in (
        ((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 4), (1, 4)), ((3, 1), (4,)), ((), (3, 4)), ((), ()), ((1, 1), (1, 1)),
    )),
    (Divide(), (3, 4), POSITIVE),
    (Divide(), (4,), POSITIVE),
    (Divide(), (3, 4), POSITIVE[:1]),
    (Divide(), 4.0, -5.0),
    (MatMul(), (3, 4), (4, 2)),
    (MatMul(), (1, 1), (1, 1)),
    (MatMul(), (2, 3, 4), (4, 2)),
    (MatMul(), (3, 4), (2, 4, 5)),
    (MatMul(), (2, 1, 3, 4), (5, 4, 2)),
    (MatMul(), (4,), (4,)),
    (MatMul(), (3, 4), (4,)),
    (MatMul(), (4,), (4, 2)),
    (MatMul(), (4,), (2, 4, 3)),
    (MatMul(), (2, 3, 4), (4,)),
    (Join(), (3, 4), (3, 2)),
    (Join(), (1, 1), (1, 1)),
    (Join(3, axis=1), (2, 3, 2), (2, 1, 2), (2, 2, 2)),
    (Join(1, axis=0), (4,)),
    # elementary.py, powers.py
    (Exp(), (3, 4)),
    (Exp(), 1.0),
    (Log(), POSITIVE),
    (Log(), 2.0),
    *((gate(), x) for gate in (Sin, Cos, Negate, Absolute) for x in ((3, 4), (1, 1), WIDE, -2.0)),
    *((Elementwise(layer()), x) for layer in (Tanh, Sigmoid, ReLU) for x in ((3, 4), (2, 1, 3), -2.0)),
    *((gate, x) for gate in (Sqrt(), Power(0.5), Power(-1.5), Power(1 / 3)) for x in (POSITIVE, 2.0)),
    *((Power(exponent), x) for exponent in (2, 3, -1, -2, 1, 0) for x in (WIDE, -2.0)),
    (Power(), POSITIVE, (3, 4)),
    (Power(), POSITIVE, (4,)),
    (Power(), POSITIVE[:1], (3, 1)),
    (Power(), 2.0, -3.0),
    # reductions.py
    *((gate(axis, keepdims=keepdims), (3, 4, 2)) for gate in (Sum, Mean, Max, Min)
      for axis in (None, 0, 1, -1, (0, 2), (2, 1)) for keepdims in (False, True)),
    *((gate(), x) for gate in (Sum, Mean, Max, Min) for x in (2.0, (1,))),
]  # fmt: skip

LOSSES = [
    *((loss, X, y, *weights)
      for loss in (
          SoftmaxCrossEntropy(),
          SoftmaxCrossEntropy(reduction="sum"),
          SoftmaxCrossEntropy(label_smoothing=0.1),
          SoftmaxCrossEntropy(class_weights=[1.0, 0.2, 0.0, 3.0]),
          SoftmaxCrossEntropy("sum", label_smoothing=0.2, class_weights=[1.0, 0.2, 0.0, 3.0]),
      )
      for y in (CLASSES, SOFT)
      for weights in ((), (WEIGHTS,))),
    (SoftmaxCrossEntropy(), X[:1], CLASSES[:1]),
    (SoftmaxCrossEntropy(label_smoothing=0.1), (2, 3, 4), SEQUENCE),
    (SoftmaxCrossEntropy(), (2, 3, 4), SEQUENCE, np.array([[1.0, 2.0, 0.0], [0.5, 0.0, 1.0]])),
    (SoftmaxCrossEntropy(), (2, 3, 4), SEQUENCE, np.array([1.0, 0.5])),
    (SoftmaxCrossEntropy(ignore=3), X, CLASSES, WEIGHTS),
    (SoftmaxCrossEntropy("sum", ignore=-1, label_smoothing=0.1), (2, 3, 4), np.where(SEQUENCE == 2, -1, SEQUENCE)),
    (SoftmaxCrossEntropy(ignore=1, class_weights=[1.0, 0.2, 0.0, 3.0]), (2, 3, 4), SEQUENCE, np.array([1.0, 0.5])),
    *((CategoricalCrossEntropy(reduction), SOFT[::-1], y, *weights)
      for reduction in ("mean", "sum") for y in (CLASSES, SOFT) for weights in ((), (WEIGHTS,))),
    *((loss, X, SOFT, *weights)
      for loss in (
          SigmoidBinaryCrossEntropy(),
          SigmoidBinaryCrossEntropy("sum", label_smoothing=0.1, class_weights=[1.0, 3.0]),
      )
      for weights in ((), (WEIGHTS,))),
    (SigmoidBinaryCrossEntropy(), (1,), np.array([1])),
    *((loss, X, Y, *weights)
      for loss in (MeanSquaredError(), MeanAbsoluteError(), Huber(0.7), MeanSquaredError("sum"),
                   MeanAbsoluteError("sum"), Huber(1.5, "sum"))
      for weights in ((), (WEIGHTS,))),
    (MeanSquaredError(), (1,), np.array([2.0])),
    *((Hinge(0.8, reduction), X, CLASSES, *weights) for reduction in ("mean", "sum") for weights in ((), (WEIGHTS,))),
    (Hinge(), (5,), SIGNS),
    (Hinge(1.0, "sum"), (5, 1), SIGNS[:, np.newaxis], WEIGHTS),
    (Hinge(), (2, 3, 4), SEQUENCE),
]  # fmt: skip


def named(rows):
    return [pytest.param(row[0], row[1:], id=f"{i} {row[0]!r}".replace("\n", "")) for i, row in enumerate(rows)]


def drawn(rng, inputs):
    """Return the inputs, the random ones drawn from a lattice, from -0.93 to about size / 7 - 1.

    They are off a kink at an integer, and no two elements are equal.
    """
    return [_lattice(rng, x, 0.5 + 0.2 * i) if isinstance(x, tuple) else x for i, x in enumerate(inputs)]


def _lattice(rng, shape, offset):
    return (rng.permutation(math.prod(shape)) + offset).reshape(shape) / 7 - 1


@pytest.mark.parametrize(("subject", "inputs"), named([*LAYERS, *GATES, *LOSSES]))
def test_backward_is_the_derivative_of_forward(subject, inputs, rng):
    report = check_gradients(subject, *drawn(rng, inputs))
    assert report.largest <= 1e-7
    assert report.checked > 0
    assert report.skipped == 0


@pytest.mark.parametrize(("layer", "inputs"), named([*LAYERS, *GATES]))
def test_zero_dout_gives_zero_gradients(layer, inputs, rng):
    out = layer.forward(*drawn(rng, inputs))
    layer.gradients = np.ones_like(layer.gradients)
    dinputs = layer.backward(np.zeros_like(out))
    assert not np.any(layer.gradients)
    assert all(not np.any(dx) for dx in (dinputs if isinstance(dinputs, tuple) else [dinputs]) if dx is not None)


@pytest.mark.parametrize(("layer", "inputs"), named(LAYERS))
def test_float32_in_gives_float32_everywhere(layer, inputs, rng):
    model = Sequential([copy.deepcopy(layer)])
    (x,) = (x.astype(np.float32) if x.dtype.kind == "f" else x for x in drawn(rng, inputs))
    out = model.forward(x)
    assert out.dtype == model.predict(x).dtype == np.float32
    dx = model.backward(out)
    assert dx is None or dx.dtype == np.float32
    assert model.gradients.dtype == np.float32


@pytest.mark.parametrize(("gate", "inputs"), named(GATES))
def test_float32_into_a_gate_gives_float32_out(gate, inputs, rng):
    inputs = [np.float32(x) for x in drawn(rng, inputs)]
    out = gate.forward(*inputs)
    dinputs = gate.backward(out)
    if gate.parameters.size:  # which are float64 here
        return
    assert out.dtype == np.float32
    assert all(dx.dtype == np.float32 for dx in (dinputs if isinstance(dinputs, tuple) else [dinputs]))


@pytest.mark.parametrize(("loss", "inputs"), named(LOSSES))
def test_float32_predictions_give_float32_gradients(loss, inputs, rng):
    predictions, *rest = drawn(rng, inputs)
    assert type(loss.forward(np.float32(predictions), *rest)) is float
    assert loss.backward().dtype == np.float32


def test_every_public_layer_and_loss_has_a_row():
    public = {
        name
        for package in (layers, losses)
        for name, thing in vars(package).items()
        if isinstance(thing, type) and issubclass(thing, Layer | Loss)
    }
    checked = {type(row[0]).__name__ for row in (*LAYERS, *GATES, *LOSSES)}
    assert sorted(public - checked - ABSTRACT) == [], (
        "write rows for each in LAYERS, GATES or LOSSES of tests/test_gradients.py: the object, and its inputs"
    )


def kinds_of_chapters(*chapters):
    """Return the names of the public classes that stand in these files of `layers`."""
    modules = {f"layers.{chapter}" for chapter in chapters}
    things = {name: getattr(layers, name) for name in layers.__all__}
    return {name for name, it in things.items() if isinstance(it, type) and it.__module__ in modules}


def test_every_activation_has_a_wide_row():
    wide = {type(layer).__name__ for layer, x in LAYERS if x is WIDE}
    assert sorted(kinds_of_chapters("activations", "rectifiers") - wide) == [], (
        "write each into the rows of WIDE in LAYERS of tests/test_gradients.py; for a kink that is not at an "
        "integer also an array on each side of it"
    )


def test_a_whole_network_with_its_loss(rng):
    model = Sequential([Dense(4, 6), Tanh(), Residual([Dense(6, 6), GELU()]), Dense(6, 4)])
    assert check_gradients(model, X, loss=SoftmaxCrossEntropy(), y=CLASSES).largest <= 1e-7
