"""Rows of unequal length through a graph: as each row by itself, whatever stands in the padding."""

import copy

import numpy as np
import pytest

from layers import (
    GRU,
    LSTM,
    Add,
    CrossAttention,
    Dense,
    Divide,
    Embedding,
    Graph,
    Join,
    LastStep,
    LayerNorm,
    Maximum,
    Mean,
    Multiply,
    Padded,
    PositionalEmbedding,
    Residual,
    SelfAttention,
    Sequential,
    Subtract,
    Tanh,
    check_gradients,
)
from losses import SoftmaxCrossEntropy
from optimizers import Adam
from training import accuracy, fit


def reader():
    """Steps in, steps out, by two ways that meet."""
    return Graph(
        {
            "heard": (LSTM(3, 4), "x"),
            "backwards": (GRU(3, 4, reverse=True), "x"),
            "seen": (SelfAttention(4, 2), "heard"),
            "both": (Join(), "seen", "backwards"),
            "sum": (Add(), "heard", "seen"),
            "scaled": (Multiply(), "sum", "share"),
            "share": 0.5,
            "larger": (Maximum(), "scaled", "backwards"),
            "rest": (Subtract(), "larger", "heard"),
            "inner": (Sequential([Dense(8, 4), Tanh(), Residual([LayerNorm(4), Dense(4, 4)])]), "both"),
            "out": (Add(), "rest", "inner"),
        },
        outputs=["out"],
        dtype=np.float64,
        rng=0,
    )


def summary():
    """Steps in, one row out."""
    nodes = {
        "h": (LSTM(3, 4), "x"),
        "last": (LastStep(), "h"),
        "mean": (Mean(axis=1), "h"),
        "o": (Add(), "last", "mean"),
    }
    return Graph(nodes, dtype=np.float64, rng=0)


def decoder():
    """Two inputs, each with lengths of its own."""
    return Graph(
        {
            "memory": (LSTM(3, 4), "text"),
            "said": (GRU(2, 4), "answer"),
            "found": (CrossAttention(4, 2), "said", "memory"),
            "both": (Join(), "said", "found"),
            "out": (Dense(8, 2), "both"),
        },
        inputs=["text", "answer"],
        dtype=np.float64,
        rng=0,
    )


LENGTHS = [np.array([5, 2, 1, 4]), np.array([1, 3, 2, 3])]
CASES = {"steps": (reader, [(5, 3)]), "a row": (summary, [(5, 3)]), "two inputs": (decoder, [(5, 3), (3, 2)])}


def arrays(case, rng):
    make, shapes = CASES[case]
    xs = [rng.normal(size=(4, *shape)) for shape in shapes]
    return make(), xs, [Padded(x, lengths) for x, lengths in zip(xs, LENGTHS, strict=False)]


@pytest.mark.parametrize("case", CASES)
def test_each_row_is_what_it_is_by_itself_and_so_are_the_gradients(case, rng):
    graph, xs, padded = arrays(case, rng)
    out = graph.forward(*padded)
    steps = isinstance(out, Padded)
    assert steps == (case != "a row")
    dout = rng.normal(size=out.shape)
    dxs = graph.backward(dout)
    dxs = list(dxs.values()) if isinstance(dxs, dict) else [dxs]
    total = np.zeros_like(graph.gradients)
    last = LENGTHS[len(xs) - 1]
    for i in range(4):
        alone = [x[i : i + 1, : lengths[i]] for x, lengths in zip(xs, LENGTHS, strict=False)]
        own = graph.forward(*alone)
        np.testing.assert_allclose((out.x if steps else out)[i, : last[i]] if steps else out[i], own[0], rtol=1e-12)
        own_dxs = graph.backward(dout[i : i + 1, : last[i]] if steps else dout[i : i + 1])
        own_dxs = list(own_dxs.values()) if isinstance(own_dxs, dict) else [own_dxs]
        for dx, own_dx, lengths in zip(dxs, own_dxs, LENGTHS, strict=False):
            np.testing.assert_allclose(dx[i, : lengths[i]], own_dx[0], rtol=1e-10, atol=1e-12)
            assert not dx[i, lengths[i] :].any()
        total += graph.gradients
    graph.forward(*padded)
    graph.backward(dout)
    np.testing.assert_allclose(graph.gradients, total, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_nothing_in_the_padding_reaches_a_bit(case, rng):
    graph, xs, padded = arrays(case, rng)
    wanted = graph.forward(*padded)
    dout = rng.normal(size=wanted.shape)
    dxs = graph.backward(dout)
    gradients = graph.gradients.copy()
    spoiled = []
    for x, lengths in zip(xs, LENGTHS, strict=False):
        x[np.arange(x.shape[1]) >= lengths[:, np.newaxis]] = rng.choice([np.nan, np.inf, 1e300, -0.0])
        spoiled.append(Padded(x, lengths))
    kept = [each.x.copy() for each in spoiled]
    with np.errstate(all="raise"):
        out = graph.forward(*spoiled)
        if isinstance(out, Padded):
            real = np.arange(out.shape[1]) < out.lengths[:, np.newaxis]
            np.testing.assert_array_equal(out.x[real], wanted.x[real])
            dout[~real] = np.nan  # as that of a loss might be
        else:
            np.testing.assert_array_equal(out, wanted)
        again = graph.backward(dout)
    np.testing.assert_array_equal(graph.gradients, gradients)
    pairs = zip(again.values(), dxs.values(), strict=True) if isinstance(again, dict) else [(again, dxs)]
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)
    for each, before in zip(spoiled, kept, strict=True):
        np.testing.assert_array_equal(each.x, before)  # arrays of the caller are never changed
    found = graph.predict(*spoiled)
    np.testing.assert_array_equal(
        *([p.steps for p in (found, wanted)] if isinstance(found, Padded) else [found, wanted])
    )


def test_a_graph_in_a_chain_is_told_and_tells_lengths(rng):
    x, lengths = rng.normal(size=(4, 5, 3)), LENGTHS[0]
    chain = Sequential([Dense(3, 3), reader(), Dense(4, 2)], dtype=np.float64, rng=1)
    out = chain.forward(Padded(x, lengths))
    assert isinstance(out, Padded)
    np.testing.assert_array_equal(chain.output_lengths(lengths), lengths)
    for i, length in enumerate(lengths):
        np.testing.assert_allclose(chain.predict(x[i : i + 1, :length])[0], out.x[i, :length], rtol=1e-11)
    ended = Sequential([summary(), Dense(4, 2)], dtype=np.float64, rng=1)
    assert ended.forward(Padded(x, lengths)).shape == (4, 2)
    assert ended.output_lengths(lengths) is None
    assert reader().forward(x, lengths=lengths).shape == (4, 5, 4)  # by itself as any layer
    assert reader().predict(x, lengths=None).shape == (4, 5, 4)


def test_a_graph_of_two_inputs_within_a_graph_is_told_too(rng):
    inner = Graph(
        {"m": (LSTM(3, 4), "p"), "s": (GRU(2, 4), "q"), "o": (CrossAttention(4, 2), "s", "m")}, inputs=["p", "q"]
    )
    graph = Graph({"g": (inner, "x", "y"), "d": (Dense(4, 2), "g")}, inputs=["x", "y"], dtype=np.float64, rng=0)
    x, y = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 3, 2))
    out = graph.forward(Padded(x, LENGTHS[0]), Padded(y, LENGTHS[1]))
    np.testing.assert_array_equal(out.lengths, LENGTHS[1])
    for i in range(4):
        alone = graph.predict(x[i : i + 1, : LENGTHS[0][i]], y[i : i + 1, : LENGTHS[1][i]])
        np.testing.assert_allclose(out.x[i, : LENGTHS[1][i]], alone[0], rtol=1e-11)


def test_a_padded_advances_too(rng):
    graph, x = (
        Graph({"h": (LSTM(3, 4), "x"), "d": (Dense(4, 2), "h")}, dtype=np.float64, rng=0),
        rng.normal(size=(4, 5, 3)),
    )
    out, state = graph.advance(Padded(x, LENGTHS[0]))
    np.testing.assert_array_equal(out.x, graph.predict(Padded(x, LENGTHS[0])).x)
    later, _ = graph.advance(x[:, :1], state)
    for i, length in enumerate(LENGTHS[0]):
        whole = np.concatenate([x[i, :length], x[i, :1]])[np.newaxis]
        np.testing.assert_allclose(later[i, 0], graph.predict(whole)[0, -1], rtol=1e-11)


def test_an_input_may_be_called_lengths(rng):
    graph = Graph({"o": (Add(), "x", "lengths")})
    assert graph.forward(x=1.0, lengths=2.0) == 3.0
    assert graph.predict(x=1.0, lengths=2.0) == 3.0


def test_gradients_of_padded_graphs_are_proven(rng):
    for case in ("steps", "a row"):
        graph, _, (padded,) = arrays(case, rng)
        check_gradients(graph, padded, rng=0)


def test_a_graph_of_bare_layers_trains_on_rows_of_unequal_length(rng):
    lengths = rng.integers(1, 9, 200)
    tokens = rng.integers(1, 6, (200, 8))
    y = np.array([tokens[i, length - 1] % 2 for i, length in enumerate(lengths)])
    graph = Graph(
        {
            "letters": (Embedding(6, 8), "text"),
            "placed": (PositionalEmbedding(8, 8), "letters"),
            "heard": (LSTM(8, 16), "placed"),
            "last": (LastStep(), "heard"),
            "logits": (Dense(16, 2), "last"),
        },
        rng=0,
    )
    history = fit(graph, SoftmaxCrossEntropy(), Adam(0.02), Padded(tokens, lengths), y, epochs=12, rng=0, verbose=False,
                  metrics=accuracy)  # fmt: skip
    assert history.accuracy[-1] > 0.97
    wanted = graph.predict(Padded(tokens, lengths))
    np.testing.assert_allclose(graph.predict(Padded(tokens, lengths), batch_size=7), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("nodes", "error", "text"),
    [
        ({"o": (Divide(), "x", "y")}, TypeError, r"Divide\(\).*cannot say what becomes of lengths"),
        ({"o": (Join(axis=1), "x", "y")}, TypeError, r"Join\(axis=1\).*cannot say what becomes of lengths"),
        ({"o": (Add(), "x", "y")}, ValueError, r"Add\(\).*: all inputs must have the same lengths, got \[2 1\] and \["),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_before_any_layer_works(nodes, error, text):
    graph = Graph({"n": (LSTM(2, 2), "x"), **{k: (v[0], "n", "y") for k, v in nodes.items()}}, dtype=np.float64)
    same = error is TypeError
    x, y = Padded(np.ones((2, 3, 2)), [2, 1]), Padded(np.ones((2, 3, 2)), [2, 1] if same else [1, 1])
    before = copy.deepcopy(graph)
    with pytest.raises(error, match=text):
        graph.forward(x, y)
    assert graph["n"]._cache is before["n"]._cache is None
    with pytest.raises(ValueError, match=r"x must have shape \(N, T, D\) where there are lengths, got \(2, 3\)"):
        graph.forward(Padded(np.ones((2, 3)), [2, 1]), y)


def test_an_operand_without_lengths_takes_those_of_the_other(rng):
    graph = Graph({"h": (LSTM(2, 2), "x"), "o": (Add(), "h", "bias")}, dtype=np.float64, rng=0)
    out = graph.forward(x=Padded(np.ones((2, 3, 2)), [2, 1]), bias=np.ones(2))
    np.testing.assert_array_equal(out.lengths, [2, 1])
