"""Layers on sequences (N, T, D): those that go from step to step, with a state, and what stands around them."""

from .gru import GRU
from .lstm import LSTM
from .simple_rnn import SimpleRNN
from .steps import LastStep, Repeat, SequenceDropout

__all__ = [
    # recurrent layers
    "SimpleRNN",
    "LSTM",
    "GRU",
    # steps
    "LastStep",
    "Repeat",
    "SequenceDropout",
]
