"""What flows through a container: values, gradients and records, on a copy."""

import copy

import numpy as np
import pytest

from layers import (
    Add,
    BatchNorm,
    Concatenate,
    Container,
    Dense,
    Dropout,
    Embedding,
    Graph,
    Identity,
    Multiply,
    ReLU,
    Residual,
    Sequential,
    Tanh,
    formula,
)

KEYS = [
    *("name", "sign", "kind", "label", "sources", "shape", "value", "gradient", "output", "parameters", "inside"),
    "operation",
]


def network():
    return Sequential(
        [
            Dense(2, 3),
            BatchNorm(3),
            Residual([Dense(3, 3), Tanh()], projection=Dense(3, 3)),
            Dropout(0.5),
            Concatenate(Identity(), [Dense(3, 2), ReLU()]),
            Graph({"a": (Dense(5, 2), "u"), "k": 2.0, "b": (Multiply(), "a", "k"), "c": (Add(), "a", "b")}),
        ],
        rng=0,
    )


def named(records):
    return {record["name"]: record for record in records}


def test_values_and_gradients_are_those_of_a_pass_by_hand(rng):
    model, x = Sequential([Dense(2, 3), Tanh(), Dense(3, 1)], dtype=np.float64, rng=0), rng.normal(size=(4, 2))
    trace = model.trace(x)
    a = x @ model[0].weights + model[0].bias
    b = np.tanh(a)
    for name, value in {"x": x, "0": a, "1": b, "2": b @ model[2].weights + model[2].bias}.items():
        np.testing.assert_allclose(trace.values[name], value, rtol=1e-13)
    db = np.ones((4, 1)) @ model[2].weights.T
    da = db * (1 - b**2)
    for name, gradient in {"2": np.ones((4, 1)), "1": db, "0": da, "x": da @ model[0].weights.T}.items():
        np.testing.assert_allclose(trace.gradients[name], gradient, rtol=1e-12)


def test_names_go_inside():
    trace = network().trace(np.ones((4, 2)))
    names = [
        *("x", "0", "1", "2", "2.0", "2.1", "2.projection", "2.projection.0", "2.+", "3"),
        *("4", "4.0", "4.0.0", "4.1", "4.1.0", "4.1.1", "4.join", "5", "5.k", "5.a", "5.b", "5.c"),
    ]
    assert list(trace.values) == list(trace.gradients) == names
    np.testing.assert_array_equal(trace.values["5.c"], trace.values["5"])
    np.testing.assert_array_equal(trace.values["2.+"], trace.values["2"])
    np.testing.assert_array_equal(trace.values["4.0"], trace.values["3"])
    assert trace.gradients["5.k"] == np.sum(trace.values["5.a"])  # out = a + 2a, summed


def test_the_layer_is_not_touched(rng):
    model, x = network(), rng.normal(size=(4, 2))
    out = model.forward(x)
    twin = copy.deepcopy(model)
    twin.forward(x)
    state, gradients = model.state_dict(), model.gradients.copy()
    noises = [copy.copy(vars(noise)) for _, noise in model.noises()]
    first = model.trace(2 * x)
    second = model.trace(2 * x)
    np.testing.assert_array_equal(first.values["3"], second.values["3"])  # the noise is that of the next pass, twice
    assert [vars(noise) for _, noise in model.noises()] == noises != []
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, state[name])
    np.testing.assert_array_equal(model.gradients, gradients)
    model.backward(out)  # the pass in between is still there to go back through


def test_dout_is_one_for_every_number_or_what_is_given():
    model = Sequential([Dense(2, 2)], rng=0)
    np.testing.assert_array_equal(model.trace(np.ones((3, 2))).gradients["0"], np.ones((3, 2)))
    dout = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(model.trace(np.ones((3, 2)), dout=dout).gradients["0"], dout)
    two = Graph({"a": (Tanh(), "x"), "b": (Identity(), "x")})
    trace = two.trace(np.ones((1, 2)), dout=(None, np.ones((1, 2))))
    assert sorted(trace.gradients) == ["b", "x"]
    assert sorted(trace.values) == ["a", "b", "x"]


def test_inputs_by_name_by_position_and_as_a_dict():
    graph = Graph({"q": (Add(), "x", "y"), "f": (Multiply(), "q", "z")})
    expected = {"x": -4, "y": -4, "z": 3, "q": -4, "f": 1}
    for trace in (graph.trace(-2, 5, -4), graph.trace(z=-4, x=-2, y=5), graph.trace({"x": -2, "y": 5, "z": -4})):
        assert trace.values == {"x": -2, "y": 5, "z": -4, "q": 3, "f": -12}
        assert trace.gradients == expected
    assert Sequential([Tanh()]).trace(x=np.ones((1, 1))).values["x"] == 1


def test_integers_have_a_value_and_no_gradient():
    trace = Sequential([Embedding(5, 2), Tanh()], rng=0).trace(np.array([1, 4]))
    assert list(trace.values) == ["x", "0", "1"]
    assert list(trace.gradients) == ["0", "1"]


def test_a_container_of_ones_own():
    class Doubled(Container):
        def forward(self, x):
            return 2 * self.layers[0].forward(x)

        def backward(self, dout, input_gradient=True):
            return self.layers[0].backward(2 * dout, input_gradient)

    trace = Doubled([Dense(2, 1)]).trace(np.ones((3, 2)))
    assert list(trace.values) == ["x", "0"]
    np.testing.assert_array_equal(trace.gradients["0"], np.full((3, 1), 2.0))
    assert [record["sources"] for record in trace.records()] == [(), ()]


def test_a_container_of_several_inputs_of_ones_own():
    class Difference(Container):
        n_operands = 2

        def forward(self, a, b):
            return self.layers[0].forward(a) - self.layers[1].forward(b)

        def backward(self, dout, input_gradient=True):
            return self.layers[0].backward(dout), self.layers[1].backward(-dout)

    trace = Difference([Dense(2, 1), Tanh()]).trace(np.ones((3, 2)), b=np.zeros((3, 1)))
    assert list(trace.values) == list(trace.gradients) == ["a", "b", "0", "1"]
    np.testing.assert_array_equal(trace.gradients["b"], np.full((3, 1), -1.0))
    with pytest.raises(TypeError, match="b"):
        Difference([Dense(2, 1), Tanh()]).trace(np.ones((3, 2)))


# ---- records ---------------------------------------------------------------------------------------------------------


def test_the_records_of_the_notes():
    graph = Graph({"q": (Add(), "x", "y"), "f": (Multiply(), "q", "z")}, keep=True)
    assert all(list(record) == KEYS for record in graph.records())
    rows = [(r["name"], r["sign"], r["kind"], r["sources"], r["output"], r["operation"]) for r in graph.records()]
    assert rows == [
        *((name, name, "input", (), False, "") for name in "xyz"),
        ("q", "+", "gate", ("x", "y"), False, "Add"),
        ("f", "*", "gate", ("q", "z"), True, "Multiply"),
    ]
    assert {(r["value"], r["gradient"], r["shape"]) for r in graph.records()} == {(None, None, None)}
    graph.forward(-2, 5, -4)
    assert [r["value"] for r in graph.records()] == [-2, 5, -4, 3, -12]
    assert {r["shape"] for r in graph.records()} == {()}
    graph.backward()
    assert [r["gradient"] for r in graph.records()] == [-4, -4, 3, -4, 1]


def test_records_of_a_chain():
    records = named(Sequential([Dense(2, 3), Tanh()]).records())
    assert list(records) == ["x", "0", "1"]
    assert (records["1"]["sources"], records["1"]["output"], records["0"]["output"]) == (("0",), True, False)
    assert (records["0"]["sign"], records["0"]["kind"], records["0"]["parameters"]) == ("Dense(2, 3)", "layer", 9)


def test_records_of_a_residual_with_and_without_a_projection():
    records = named(Residual([Dense(3, 3), Tanh()]).records())
    assert list(records) == ["x", "0", "1", "+"]
    assert (records["+"]["sources"], records["+"]["operation"], records["+"]["kind"]) == (("x", "1"), "Add", "gate")
    assert [name for name, record in records.items() if record["output"]] == ["+"]
    records = named(Residual([Tanh()], projection=Identity()).records())
    assert list(records) == ["x", "0", "projection", "+"]
    assert records["+"]["sources"] == ("projection", "0")
    assert records["projection"]["kind"] == "container"


def test_records_of_a_concatenate():
    records = named(Concatenate(Identity(), [Dense(3, 2), Tanh()]).records())
    assert list(records) == ["x", "0", "1", "join"]
    assert (records["join"]["sign"], records["join"]["sources"], records["join"]["output"]) == ("|", ("0", "1"), True)
    assert [r["name"] for r in records["1"]["inside"]] == ["x", "0", "1"]


def test_what_is_inside_has_values_too():
    trace = network().trace(np.ones((4, 2)))
    records = named(trace.records())
    inside = named(records["5"]["inside"])
    np.testing.assert_array_equal(inside["u"]["value"], trace.values["4"])
    np.testing.assert_array_equal(inside["u"]["gradient"], trace.gradients["4"])
    np.testing.assert_array_equal(inside["b"]["value"], 2 * inside["a"]["value"])
    assert (inside["k"]["kind"], inside["k"]["sign"], inside["k"]["value"]) == ("constant", "2", 2.0)
    assert (records["5"]["parameters"], records["5"]["shape"]) == (12, (4, 2))


def test_a_graph_in_a_graph_reads_its_inputs_in_order():
    inner = Graph({"d": (Multiply(), "v", "u")}, inputs=("u", "v"))
    outer = Graph({"a": (Tanh(), "x"), "g": (inner, "x", "a")})
    inside = named(named(outer.trace(np.full((1, 1), 0.5)).records())["g"]["inside"])
    assert list(inside) == ["u", "v", "d"]
    assert (inside["u"]["value"], inside["v"]["value"]) == (0.5, np.tanh(0.5))
    assert inside["u"]["gradient"] == np.tanh(0.5)


def test_records_of_a_formula_have_its_text():
    records = named(formula("(x + y) * z").records())
    assert [record["label"] for record in records.values()] == ["", "", "", "x + y", "(x + y) * z"]


@pytest.mark.parametrize("container", [network, lambda: Graph({"f": (Add(), "x", "k"), "k": np.ones((3, 4))})])
def test_every_source_is_a_record_before(container):
    def look(records):
        seen = set()
        for record in records:
            assert seen.issuperset(record["sources"])
            assert record["name"] not in seen
            seen.add(record["name"])
            look(record["inside"] or [])

    look(container().records())
