"""Random graphs against finite differences."""

import os

import numpy as np
import pytest

from layers import (
    Add,
    Dense,
    Divide,
    Gate,
    Graph,
    Mean,
    Multiply,
    Sequential,
    Subtract,
    Tanh,
    check_gradients,
)

SMOOTH = (Add, Subtract, Multiply, Divide, Tanh, lambda: Sequential([Dense(2, 2), Tanh()]), lambda: Dense(2, 2), Mean)


def random_graph(rng):
    """Return a graph of 2 to 15 nodes that read any two of what is there, and its inputs, all (3, 2)."""
    names, nodes = [f"x{i}" for i in range(rng.integers(1, 4))], {}
    for i in range(rng.integers(2, 16)):
        kind = SMOOTH[rng.integers(len(SMOOTH))]
        if kind is Mean:
            nodes[f"m{i}"] = (Mean(axis=1, keepdims=True), str(rng.choice(names)))
            layer, sources = Add(), [f"m{i}", str(rng.choice(names))]
        elif kind is Divide:  # by 2 + tanh(b)², which is far from zero
            nodes |= {f"t{i}": (Tanh(), str(rng.choice(names))), f"s{i}": (Multiply(), f"t{i}", f"t{i}")}
            nodes |= {f"two{i}": 2.0, f"d{i}": (Add(), f"s{i}", f"two{i}")}
            layer, sources = Divide(), [str(rng.choice(names)), f"d{i}"]
        else:
            layer = kind()
            sources = [str(rng.choice(names)) for _ in range(layer.n_operands)]
        if isinstance(layer, Gate) and kind is Multiply:  # kept small
            nodes[f"h{i}"] = (Tanh(), sources[0])
            sources[0] = f"h{i}"
        names.append(f"n{i}")
        nodes[f"n{i}"] = (layer, *sources)
    items = list(nodes.items())
    rng.shuffle(items)
    return Graph(dict(items))


@pytest.mark.parametrize("seed", range(1000 if os.environ.get("HANDGRAD_LONG") else 40))
def test_random_graphs_against_finite_differences(seed):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng)
    inputs = [rng.normal(size=(3, 2)) for _ in graph.inputs]
    assert check_gradients(graph, *inputs, directions=3).largest <= 1e-7


@pytest.mark.parametrize("seed", range(20))
def test_random_graphs_with_some_outputs_left_out(seed):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng)
    graph.initialize(rng)
    inputs = [rng.normal(size=(3, 2)) for _ in graph.inputs]
    outs = graph.forward(*inputs)
    outs = outs if isinstance(outs, tuple) else (outs,)
    chosen = rng.random(len(outs)) < 0.5
    chosen[rng.integers(len(outs))] = True
    douts = [rng.normal(size=out.shape) for out in outs]
    results = []
    for masked in (
        [dout if here else None for dout, here in zip(douts, chosen, strict=True)],
        [dout * here for dout, here in zip(douts, chosen, strict=True)],
    ):
        graph.forward(*inputs)
        dx = graph.backward(tuple(masked) if len(masked) > 1 else masked[0])
        results.append([*(dx.values() if isinstance(dx, dict) else [dx]), graph.gradients.copy()])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)  # float32: None is a dout of zeros
