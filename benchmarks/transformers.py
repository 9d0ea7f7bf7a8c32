"""The speed of transformers, against PyTorch on the CPU: a block, a norm, a whole step of a GPT, and generation.

    python -m pip install -e ".[bench]"
    python benchmarks/transformers.py                    all of it, about three minutes
    python benchmarks/transformers.py --only gpt         one of them
    python benchmarks/transformers.py --threads 1        with one thread each

A step of a block or a norm is forward and backward for a given dout, in float32. That of the GPT is the whole one of
`examples/shakespeare.py`: forward, cross-entropy, backward, the clipping and AdamW. PyTorch has its fused
attention, causal, and its fused AdamW. Generation is 32 tokens behind a prompt, by `advance`, and, as the contestant
`again`, by going through all of the tokens for each of them.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from contest import Case, Work, contest

N_TOKENS, WRITTEN = 65, 32


@dataclass(frozen=True)
class Transformer(Case):
    """One piece of work: what of, and its sizes."""

    what: str = "block"
    n: int = 12
    n_steps: int = 64
    width: int = 128
    heads: int = 4
    n_blocks: int = 4

    def data(self) -> tuple[Any, Any]:
        """Return x and dout, (N, T, D)."""
        rng = np.random.default_rng(0)
        shape = (self.n, self.n_steps, self.width)
        return rng.normal(size=shape).astype(np.float32), rng.normal(size=shape).astype(np.float32)

    def tokens(self) -> tuple[Any, Any]:
        """Return tokens, and those after them, (N, T)."""
        return tuple(np.random.default_rng(0).integers(N_TOKENS, size=(2, self.n, self.n_steps)))


def handgrad(case: Transformer) -> Work:
    """The toolkit's own loop."""
    from layers import Embedding, LayerNorm, PositionalEmbedding, Sequential, Tied, TransformerBlock
    from losses import SoftmaxCrossEntropy
    from optimizers import AdamW
    from training import generate

    def block() -> Any:
        return TransformerBlock(case.width, case.heads, causal=True, use_bias=False, exact=True)

    if case.what in ("block", "norm"):
        one = block() if case.what == "block" else LayerNorm(case.width)
        model, (x, dout) = Sequential([one], rng=0), case.data()

        def step() -> None:
            model.forward(x)
            model.backward(dout)

        return step
    body = [PositionalEmbedding(case.n_steps + WRITTEN, case.width), *(block() for _ in range(case.n_blocks))]
    gpt = Tied(Embedding(N_TOKENS, case.width), [*body, LayerNorm(case.width, use_bias=False)], rng=0)
    tokens, after = case.tokens()
    if case.what == "generation":
        return lambda: generate(gpt, tokens, WRITTEN, temperature=0)
    loss = SoftmaxCrossEntropy()
    optimizer = AdamW(1e-3, beta1=0.9, beta2=0.99, weight_decay=0.1, exclude=("gain",), clip_norm=1.0)

    def whole() -> None:
        loss.forward(gpt.forward(tokens), after)
        gpt.backward(loss.backward(), input_gradient=False)
        optimizer.step(gpt)

    return whole


def again(case: Transformer) -> Work:
    """The toolkit without memory: all tokens once more for each new one."""
    from layers import Embedding, LayerNorm, PositionalEmbedding, Tied, TransformerBlock

    if case.what != "generation":
        raise ImportError("without memory there is generation only")
    options: dict[str, Any] = {"causal": True, "use_bias": False, "exact": True}
    blocks = [TransformerBlock(case.width, case.heads, **options) for _ in range(case.n_blocks)]
    body = [PositionalEmbedding(case.n_steps + WRITTEN, case.width), *blocks, LayerNorm(case.width, use_bias=False)]
    gpt = Tied(Embedding(N_TOKENS, case.width), body, rng=0)
    prompt, _ = case.tokens()

    def work() -> None:
        tokens = prompt
        for _ in range(WRITTEN):
            tokens = np.concatenate([tokens, gpt.predict(tokens)[:, -1:].argmax(axis=-1)], axis=1)

    return work


def pytorch(case: Transformer) -> Work:
    """PyTorch in eager mode, its usual loop."""
    import torch
    from torch import nn
    from torch.nn import functional

    if case.what == "generation":
        raise ImportError("PyTorch has no generation of its own")

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            width, options = case.width, {"bias": False}
            self.first, self.second = nn.LayerNorm(width, **options), nn.LayerNorm(width, **options)
            self.qkv, self.out = nn.Linear(width, 3 * width, **options), nn.Linear(width, width, **options)
            self.wide, self.narrow = nn.Linear(width, 4 * width, **options), nn.Linear(4 * width, width, **options)

        def forward(self, x: Any) -> Any:
            n, t, width = x.shape
            parts = self.qkv(self.first(x)).view(n, t, 3, case.heads, width // case.heads)
            heads = functional.scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4), is_causal=True)
            x = x + self.out(heads.transpose(1, 2).reshape(n, t, width))
            return x + self.narrow(functional.gelu(self.wide(self.second(x))))

    class Gpt(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(N_TOKENS, case.width)
            self.positions = nn.Embedding(case.n_steps, case.width)
            self.blocks = nn.Sequential(*(Block() for _ in range(case.n_blocks)))
            self.norm = nn.LayerNorm(case.width, bias=False)

        def forward(self, tokens: Any) -> Any:
            x = self.tokens(tokens) + self.positions(torch.arange(case.n_steps))
            return self.norm(self.blocks(x)) @ self.tokens.weight.T

    if case.what in ("block", "norm"):
        model = Block() if case.what == "block" else nn.LayerNorm(case.width)
        x, dout = (torch.from_numpy(array) for array in case.data())
        x.requires_grad_()

        def step() -> None:
            model.zero_grad()
            x.grad = None
            model(x).backward(dout)

        return step
    gpt, (tokens, after) = Gpt(), (torch.from_numpy(array) for array in case.tokens())
    large = [array for array in gpt.parameters() if array.dim() > 1]
    small = [array for array in gpt.parameters() if array.dim() == 1]
    groups = [{"params": large, "weight_decay": 0.1}, {"params": small, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=True)

    def whole() -> None:
        optimizer.zero_grad()
        logits = gpt(tokens)
        functional.cross_entropy(logits.view(-1, N_TOKENS), after.view(-1)).backward()
        torch.nn.utils.clip_grad_norm_(gpt.parameters(), 1.0)
        optimizer.step()

    return whole


BARS = {"pytorch": 1.5}
CASES = [
    Transformer("block-64-128", bars=BARS),
    Transformer("block-128-256", n=32, n_steps=128, width=256, heads=8, bars=BARS),
    Transformer("norm-768-128", steps=1, what="norm", n=12, n_steps=64, width=128, bars=BARS),
    Transformer("norm-4096-256", what="norm", n=32, n_steps=128, width=256, bars=BARS),
    Transformer("gpt", what="gpt", bars=BARS),
    Transformer("generation-16", what="generation", n=1, n_steps=16),
    Transformer("generation-256", what="generation", n=1, n_steps=256),
]


if __name__ == "__main__":
    if "OPENBLAS_CORETYPE" in os.environ and "--worker" not in sys.argv:
        print(f"OPENBLAS_CORETYPE={os.environ['OPENBLAS_CORETYPE']}")
    contest(__doc__, {"handgrad": handgrad, "pytorch": pytorch, "again": again}, CASES, memory=True)
