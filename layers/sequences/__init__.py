"""Layers on sequences (N, T, D): from step to step with a state, or each step looking at all others."""

from .cross_attention import CrossAttention
from .dot_product import ScaledDotProduct
from .gru import GRU
from .lstm import LSTM
from .positions import PositionalEmbedding, SinusoidalPositions
from .self_attention import SelfAttention
from .simple_rnn import SimpleRNN
from .steps import LastStep, Repeat, SequenceDropout
from .tied import Tied
from .transformer import TransformerBlock

__all__ = [
    # recurrent layers
    "SimpleRNN",
    "LSTM",
    "GRU",
    # steps
    "LastStep",
    "Repeat",
    "SequenceDropout",
    # attention
    "ScaledDotProduct",
    "SelfAttention",
    "CrossAttention",
    # where a step stands
    "PositionalEmbedding",
    "SinusoidalPositions",
    # transformers
    "TransformerBlock",
    "Tied",
]
