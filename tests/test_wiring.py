"""What makes no graph is refused, by name, with what to write instead; and nothing has changed."""

import re

import numpy as np
import pytest

from layers import Add, Dense, Graph, Identity, Layer, Multiply, Sequential, Tanh
from layers.wiring import wired

TANH = Tanh()


class Unfinished(Layer):
    """A layer that is not made right."""

    def __init__(self):
        pass


REFUSED = [
    # circles
    ({"a": (Tanh(), "a")}, {}, "nodes must not read in a circle, got a <- a; what comes back from a later node"),
    (
        {"out": (Add(), "c", "x"), "a": (Tanh(), "c"), "b": (Tanh(), "a"), "c": (Add(), "b", "x")},
        {},
        "nodes must not read in a circle, got c <- b <- a <- c;",
    ),
    # names
    ({"a.b": (Tanh(), "x")}, {}, "the name of each node must be a word without a dot, got 'a.b'"),
    ({"": (Tanh(), "x")}, {}, "the name of each node must be a word without a dot, got ''"),
    ({"a": (Tanh(), "x.y")}, {}, "the name of a source of 'a' must be a word without a dot, got 'x.y'"),
    ({"a": (Tanh(), "x")}, {"inputs": ["x", "x"]}, "inputs must name each once, got 'x' twice"),
    ({"a": (Tanh(), "x")}, {"outputs": ("a", "a")}, "outputs must name each once, got 'a' twice"),
    ({"a": (Tanh(), "x")}, {"inputs": ["a", "x"]}, "inputs must have names of their own, but 'a' is a node too"),
    (
        {"encoder": (Tanh(), "x"), "b": (Tanh(), "encodr")},
        {"inputs": ["x"]},
        "each source must be a node or an input, got 'encodr'; did you mean 'encoder'?",
    ),
    # inputs and outputs
    ({"a": (Tanh(), "x")}, {"inputs": ["x", "y"]}, "each input must be read by a node, but nobody reads 'y'"),
    ({"a": (Tanh(), "image")}, {"inputs": ["imag"]}, "nobody reads 'imag'; did you mean 'image'?"),
    ({"a": (Tanh(), "x")}, {"outputs": "b"}, "each output must be computed by a node, but 'b' is no node"),
    ({"logits": (Tanh(), "x")}, {"outputs": "logit"}, "but 'logit' is no node; did you mean 'logits'?"),
    (
        {"a": (Tanh(), "x")},
        {"outputs": "x"},
        "each output must be computed by a node, but 'x' is an input or a constant; pass it through an Identity()",
    ),
    ({"a": (Tanh(), "x")}, {"outputs": []}, "outputs must name at least one node, got none"),
    ({"a": (Tanh(), "x"), "k": 2.0}, {}, "each constant must be read by a node, but nobody reads 'k'"),
    (
        {"a": (Tanh(), "x"), "b": (Tanh(), "a"), "c": (Tanh(), "b")},
        {"outputs": "a"},
        "each node must lead to an output, but 'b', 'c' lead to none of 'a'; leave it out, or name it in outputs",
    ),
    # numbers of inputs
    ({"a": (Add(), "x")}, {}, "node 'a' must have 2 inputs, as Add() takes, got 1: 'x'"),
    ({"a": (Tanh(), "x", "y")}, {}, "node 'a' must have 1 input, as Tanh() takes, got 2: 'x', 'y'"),
    ({"a": (Tanh(),)}, {}, "node 'a' must have 1 input, as Tanh() takes, got none"),
    # one layer twice
    (
        {"a": (TANH, "x"), "b": (TANH, "a")},
        {},
        "each layer must be placed once, but Tanh() at 'b' is already in this Graph",
    ),
    ({}, {}, "nodes must hold at least one layer, got none"),
    ({"k": 1.0}, {}, "nodes must hold at least one layer, got none"),
]


@pytest.mark.parametrize(("nodes", "options", "message"), REFUSED, ids=[message[:60] for *_, message in REFUSED])
def test_what_is_wrong_is_said(nodes, options, message):
    with pytest.raises(ValueError, match=f"^Graph: .*{re.escape(message)}"):
        Graph(nodes, **options)


OF_KIND = [
    ([Tanh()], "nodes must be a dict of name to (layer, 'source', ...), or to a number or an array, got list"),
    ({1: (Tanh(), "x")}, "the name of each node must be a str, got 1"),
    ({"a": Tanh()}, "node 'a' must say where its input comes from, (Tanh(...), 'source', ...), got the layer alone"),
    ({"a": (Tanh, "x")}, "node 'a' must begin with a layer, got the class Tanh: write its ()"),
    ({"a": ("x", Tanh())}, "node 'a' must be (layer, 'source', ...), got"),
    ({"a": "x"}, "node 'a' must be (layer, 'source', ...), got 'x'"),
    ({"a": (Tanh(), Add())}, "node 'a' must name its sources, got the layer Add(); give that a name of its own"),
    ({"a": (Add(), "x", 2.0)}, "node 'a' must name its sources, got 2.0; a number or an array gets a name of its own"),
    (
        {"a": (Tanh(), "x"), "k": 1j},
        "node 'k' must be (layer, 'source', ...), or a constant of real numbers, got dtype complex",
    ),
    (
        {"a": (Tanh(), "x"), "k": None},
        "node 'k' must be (layer, 'source', ...), or a constant of real numbers, got NoneType",
    ),
    ({"a": (Tanh(), "x"), "k": True}, "a constant of real numbers, got dtype bool"),
    ({"a": (Tanh(), "x"), "k": np.ones(0)}, "a constant of real numbers, got dtype float64, shape (0,)"),
    ({"a": (Tanh(), "x"), "k": [[1], [1, 2]]}, "a constant of real numbers, got list"),
    ({"a": (Unfinished(), "x")}, "Unfinished.__init__ must call super().__init__()"),
]


@pytest.mark.parametrize(("nodes", "message"), OF_KIND, ids=[message[:60] for _, message in OF_KIND])
def test_what_is_of_another_kind_is_said(nodes, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        Graph(nodes)


@pytest.mark.parametrize("option", ["inputs", "outputs"])
@pytest.mark.parametrize("names", [3, {"x"}, ["x", 3]])
def test_inputs_and_outputs_are_names(option, names):
    message = f"{option} must be a list or tuple of names|the name of each {option[:-1]} must be a str, got 3"
    with pytest.raises(TypeError, match=message):
        Graph({"a": (Tanh(), "x")}, **{option: names})


def test_a_layer_that_is_placed_already_is_refused_and_nothing_is_placed():
    first, placed = Dense(2, 2), Dense(2, 2)
    model = Sequential([placed])
    before = first.weights.copy()
    with pytest.raises(ValueError, match=r"Dense\(2, 2\) at 'b' is already in a Sequential, as layer 0; make a second"):
        Graph({"a": (first, "x"), "b": (placed, "a")})
    assert first.holder is None
    np.testing.assert_array_equal(first.weights, before)
    assert np.shares_memory(placed.weights, model.parameters)
    Graph({"a": (first, "x")})


@pytest.mark.parametrize(
    ("inputs", "named", "got"),
    [
        ((1, 2), {}, "2 by position"),
        ((1, 2, 3, 4), {}, "4 by position"),
        ((), {}, "0 by position"),
        ((1, 2), {"x": 3}, "2 by position and x by name"),
        ((), {"x": 1, "y": 2, "w": 3}, "x, y, w by name"),
        (({"x": 1},), {}, "x by name"),
        (({"x": 1, "y": 2, "z": 3, "w": 4},), {}, "x, y, z, w by name"),
    ],
)
def test_forward_and_predict_want_each_input_once(inputs, named, got):
    graph = Graph({"q": (Add(), "x", "y"), "f": (Multiply(), "q", "z")})
    message = re.escape(f"Graph of 2 nodes: forward must be given 3 inputs, x, y, z, got {got}")
    for run in (graph.forward, graph.predict, graph.trace):
        with pytest.raises(TypeError, match=message):
            run(*inputs, **named)


def test_a_graph_without_inputs_takes_none():
    graph = Graph({"k": 2.0, "f": (Multiply(), "k", "k")})
    with pytest.raises(TypeError, match="forward must be given 0 inputs, got 1 by position"):
        graph.forward(1.0)


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_the_dict_gives_an_order_of_computing(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 40))
    names = [f"n{i}" for i in range(n)]
    nodes = [(name, (Add(), *rng.choice(["x", *names[:i]], 2).tolist())) for i, name in enumerate(names)]
    rng.shuffle(nodes)
    wiring, layers = wired(dict(nodes))
    known = {"x"}
    for name, sources in wiring.sources.items():
        assert known.issuperset(sources)
        known.add(name)
    assert len(layers) == len(wiring.sources) == n


@pytest.mark.parametrize("seed", range(20))
def test_any_circle_is_found(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 40))
    names = [f"n{i}" for i in range(n)]
    sources = {name: str(rng.choice(["x", *names[:i]])) for i, name in enumerate(names)}
    chain = [names[-1]]
    while sources.get(chain[-1], "x") != "x":
        chain.append(sources[chain[-1]])
    nodes = {name: (Add(), source, "x") for name, source in sources.items()}
    nodes[chain[-1]] = (Add(), names[-1], "x")  # the first of the chain reads the last
    with pytest.raises(ValueError, match="must not read in a circle") as error:
        Graph(nodes)
    told = re.search(r"got (.*);", str(error.value))[1].split(" <- ")
    assert told[0] == told[-1]
    assert sorted(told[1:]) == sorted(chain)


def test_a_graph_in_the_order_given_stays_in_it():
    nodes = {"d": (Identity(), "x"), "a": (Identity(), "x"), "c": (Add(), "a", "d"), "b": (Identity(), "c")}
    assert list(wired(nodes)[0].sources) == ["d", "a", "c", "b"]
