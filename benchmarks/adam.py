"""A step of Adam on one long vector of float32 parameters, as multiples of the time that PyTorch takes on the CPU.

PyTorch has three forms of it: `fused`, one compiled loop over everything, in all threads; `foreach`; and the plain
one, an operation after another over the whole vector.

    python benchmarks/adam.py                           all that is here, about two minutes
    python benchmarks/adam.py --only 16M fused          one case, one rival
    python benchmarks/adam.py --against ../before       also another checkout of this project
    python benchmarks/adam.py --help
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from contest import Case, Work, contest


@dataclass(frozen=True)
class Vector(Case):
    """So many parameters."""

    size: int = 1


def handgrad(case: Any) -> Work:
    from optimizers import Adam

    parameters, gradients = _numbers(case.size)
    model = SimpleNamespace(parameters=parameters, gradients=gradients)
    return partial(Adam(learning_rate=0.001).step, model)


def pytorch(case: Any, **form: bool) -> Work:
    import torch

    parameters, gradients = _numbers(case.size)
    vector = torch.from_numpy(parameters).requires_grad_()
    vector.grad = torch.from_numpy(gradients)
    return torch.optim.Adam([vector], lr=0.001, **form).step


def _numbers(size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal(size, np.float32), rng.standard_normal(size, np.float32)


CONTESTANTS = {
    "handgrad": handgrad,
    "fused": partial(pytorch, fused=True),
    "foreach": partial(pytorch, foreach=True),
    "plain": partial(pytorch, foreach=False),
}

CASES = [
    Vector("1k", 1, 1_000),
    Vector("100k", 1, 100_000),
    Vector("1M", 1, 1_000_000),
    Vector("16M", 1, 16_000_000, bars={"fused": 1.0, "foreach": 1.0, "plain": 1.0}),
]

if __name__ == "__main__":
    contest(__doc__, contestants=CONTESTANTS, cases=CASES)
