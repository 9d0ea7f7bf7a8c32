"""Formulas as circuits: numbers, gradients, names, and what is refused, with the place marked."""

import ast
import copy
import math
import os
import pickle
import re
import warnings

import numpy as np
import pytest

from layers import Graph, Sequential, check_gradients, formula

# ---- the notes, and CS231n -------------------------------------------------------------------------------------------


def test_the_circuit_of_the_notes():
    circuit = formula("(x + y) * z")
    assert circuit.forward(x=-2, y=5, z=-4) == -12
    assert circuit.backward() == {"x": -4.0, "y": -4.0, "z": 3.0}


def test_numbers_come_out_as_pythons_own():
    circuit = formula("(x + y) * z")
    assert type(circuit.forward(-2, 5, -4)) is type(circuit.predict(-2, 5, -4)) is float
    assert {type(gradient) for gradient in circuit.backward().values()} == {float}
    one = formula("x ** 2")
    assert repr((one.forward(3), one.backward())) == "(9.0, 6.0)"


def test_the_sigmoid_neuron():
    # CS231n, "Backpropagation, Intuitions": the figure rounds to two digits
    circuit = formula("1 / (1 + exp(-(w0 * x0 + w1 * x1 + w2)))")
    assert round(circuit.forward(w0=2, x0=-1, w1=-3, x1=-2, w2=-3), 2) == 0.73
    gradients = {name: round(gradient, 2) for name, gradient in circuit.backward().items()}
    assert gradients == {"w0": -0.20, "x0": 0.39, "w1": -0.39, "x1": -0.59, "w2": 0.20}
    kept = circuit.kept
    assert round(float(kept.values["+3"]), 2) == 1.37  # 1 + exp(-1)
    assert round(float(kept.gradients["+3"]), 2) == -0.53


def test_one_neuron_with_a_relu():
    # 1 * -3 + -2 * -1 + 3 * 2 + 1 = 6
    circuit = formula("relu(x0 * w0 + x1 * w1 + x2 * w2 + b)")
    assert circuit.forward(x0=1, w0=-3, x1=-2, w1=-1, x2=3, w2=2, b=1) == 6
    dx = circuit.backward()
    assert dx == {"x0": -3, "w0": 1, "x1": -1, "w1": -2, "x2": 2, "w2": 3, "b": 1}


# ---- grammar ---------------------------------------------------------------------------------------------------------

NAMES = {
    **{name: getattr(math, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tanh")},
    **{"abs": abs, "max": lambda *a: max(a), "min": lambda *a: min(a), "sum": lambda a: a, "mean": lambda a: a},
    **{"sigmoid": lambda a: 1 / (1 + math.exp(-a)), "relu": lambda a: max(a, 0.0)},
}


@pytest.mark.parametrize(
    ("text", "inputs", "expected"),
    [
        ("x - y - z", (7, 2, 1), 4),  # from the left
        ("x / y / z", (12, 3, 2), 2),
        ("a ** b ** c", (2, 3, 2), 512),  # from the right
        ("-x ** 2", (3,), -9),
        ("(-x) ** 2", (3,), 9),
        ("2 ** -x", (1,), 0.5),
        ("x * -y", (2, 3), -6),
        ("--x", (3,), 3),
        ("x + y * z", (1, 2, 3), 7),
        ("x ** (1 / 2)", (9,), 3),
        ("x ** (2 * 2 - 1)", (-2,), -8),
        ("x ** -2", (-2,), 0.25),
        ("x ** 0", (0,), 1),
        ("abs(x) + max(x, y) + min(x, y)", (-2, 5), 5),
        ("max(x) + min(x) + sum(x) + mean(x)", (3,), 12),
        ("x", (3,), 3),
        ("2.5e-1", (), 0.25),
        ("0x10 + 1_000", (), 1016),
        ("  \n x + 1 # a note", (1,), 2),
        ("(x\n+\ny)", (1, 2), 3),
        ("x @ y", (np.array([1.0, 2.0]), np.array([3.0, 4.0])), 11),
    ],
)
def test_it_reads_as_python_does(text, inputs, expected):
    circuit = formula(text)
    assert circuit.forward(*inputs) == circuit.predict(*inputs) == expected


def test_every_name_is_an_input_in_the_order_of_the_text():
    assert formula("b * a + exp1 + Exp + ω + _x").inputs == ("b", "a", "exp1", "Exp", "ω", "_x")
    assert formula("2 + 3").inputs == ()
    assert formula("2 + 3").forward() == 5


def test_a_name_that_comes_twice_is_one_wire_that_forks():
    circuit = formula("x * x + x")
    assert circuit.inputs == ("x",)
    assert circuit.forward(5) == 30
    assert circuit.backward() == 11


def test_max_and_min_of_two_are_gates_and_of_one_reduce_everything():
    x = np.array([[1.0, 5.0], [4.0, 2.0]])
    circuit = formula("max(x) - min(x)")
    assert circuit.forward(x) == 4
    np.testing.assert_array_equal(circuit.backward(), [[-1, 1], [0, 0]])
    circuit = formula("max(x, y)")
    np.testing.assert_array_equal(circuit.forward(x, 3), [[3, 5], [4, 3]])
    dx = circuit.backward(np.ones((2, 2)))
    np.testing.assert_array_equal(dx["x"], [[0, 1], [1, 0]])
    assert dx["y"] == 2


def test_it_broadcasts_like_numpy(rng):
    a, b, c = (rng.normal(size=shape) for shape in ((4, 3), (3, 2), (2,)))
    circuit = formula("sum(tanh(a @ b + c)) / mean(b * b)")
    np.testing.assert_allclose(circuit.forward(a, b, c), np.sum(np.tanh(a @ b + c)) / np.mean(b * b), rtol=1e-12)
    assert {name: dx.shape for name, dx in circuit.backward().items()} == {"a": (4, 3), "b": (3, 2), "c": (2,)}


def test_it_computes_in_float64():
    x = np.float32([0.1, 0.2])
    circuit = formula("x * 3")
    assert circuit.forward(x).dtype == np.float64
    assert circuit.backward(np.float32([1, 1])).dtype == np.float64
    assert formula("x / y").forward(np.array([1, 2]), 3)[0] == 1 / 3


def test_inside_a_network_it_computes_as_the_network_does():
    model = Sequential([formula("x * sigmoid(x)")])
    out = model.forward(np.ones((2, 3)))
    assert out.dtype == model.backward(out).dtype == np.float32
    assert check_gradients(Sequential([formula("x * sigmoid(x)")]), np.linspace(-2, 2, 6).reshape(2, 3)).largest < 1e-7


# ---- names of nodes --------------------------------------------------------------------------------------------------


def test_a_node_is_named_by_its_operator_and_number_and_labeled_by_its_text():
    rows = [(r["name"], r["label"], r["sources"]) for r in formula("x * y + exp(x*y) - -x ** 2 / 3").records()]
    assert rows == [
        ("x", "", ()),
        ("y", "", ()),
        ("#1", "", ()),
        ("*1", "x * y", ("x", "y")),
        ("*2", "x*y", ("x", "y")),
        ("exp1", "exp(x*y)", ("*2",)),
        ("+1", "x * y + exp(x*y)", ("*1", "exp1")),
        ("**1", "x ** 2", ("x",)),
        ("-1", "-x ** 2", ("**1",)),
        ("/1", "-x ** 2 / 3", ("-1", "#1")),
        ("-2", "x * y + exp(x*y) - -x ** 2 / 3", ("+1", "/1")),
    ]


def test_a_name_that_an_input_has_is_left_to_it():
    assert [r["name"] for r in formula("exp(exp1) + exp(x)").records()] == ["exp1", "x", "exp2", "exp3", "+1"]


def test_functions_that_are_layers_are_lent():
    signs = [(r["sign"], r["operation"], r["kind"]) for r in formula("tanh(x) + sigmoid(x) + relu(x)").records()]
    assert signs[1:] == [
        *(("tanh", "Tanh", "gate"), ("sigmoid", "Sigmoid", "gate"), ("+", "Add", "gate")),
        *(("relu", "ReLU", "gate"), ("+", "Add", "gate")),
    ]


def test_an_exponent_of_numbers_belongs_to_its_gate():
    records = formula("2 * x ** (1 / 2) * 3").records()
    assert [(r["name"], r["sign"]) for r in records][1:] == [
        *(("#1", "2"), ("#2", "3"), ("**1", "**0.5"), ("*1", "*"), ("*2", "*")),
    ]


# ---- a graph like any other ------------------------------------------------------------------------------------------


def test_it_is_a_graph_that_keeps():
    circuit = formula("(x + y) * z")
    assert isinstance(circuit, Graph)
    circuit.forward(-2, 5, -4)
    circuit.backward()
    assert circuit.kept.values == {"x": -2, "y": 5, "z": -4, "+1": 3, "*1": -12}
    assert circuit.kept.gradients == {"x": -4, "y": -4, "z": 3, "+1": -4, "*1": 1}


def test_repr_copies_and_pickles():
    circuit = formula("(x + y) * z")
    assert repr(circuit) == circuit.title == "formula('(x + y) * z')"
    assert formula(f"{'x + ' * 100}x").title == f"formula('{('x + ' * 20)[:57]}...')"
    for other in (copy.deepcopy(circuit), pickle.loads(pickle.dumps(circuit)), eval(repr(circuit))):
        assert other.forward(-2, 5, -4) == -12
        assert other.records()[3]["label"] == "x + y"
    assert list(circuit.kinds()) == [("", "formula('(x + y) * z')")]


def test_output_shape_of_a_formula():
    assert formula("w * tanh(x) + 2").output_shape((3,), (3,)) == (3,)


# ---- what is refused -------------------------------------------------------------------------------------------------

REFUSED = [  # text, what is said, the line with the carets
    ("foo(x)", "a function must be one of exp, log, .*, got foo", "^^^"),
    ("x + os.system(1)", "a function must be one of .*, got an attribute", "    ^^^^^^^^^"),
    ("exp(x)(y)", "a function must be one of .*, got the result of another call", "^^^^^^"),
    ("__import__('os')", "a function must be one of .*, got __import__", "^^^^^^^^^^"),
    ("x.shape", "text must be made of numbers, names, .* and functions, got an attribute", "^^^^^^^"),
    ("x * y[0]", ".* got a subscript", "    ^^^^"),
    ("2 * [x for x in y]", ".* got a comprehension", "    ^^^^^^^^^^^^^^"),
    ("sum(x for x in y)", ".* got a comprehension", "   ^^^^^^^^^^^^^^"),
    ("(x < y) * z", ".* got a comparison", " ^^^^^"),
    ("x and y", ".* got and, or", "^^^^^^^"),
    ("x if y else z", ".* got a condition", "^^^^^^^^^^^^^"),
    ("lambda: x", ".* got a lambda", "^^^^^^^^^"),
    ("(x, y)", ".* got a tuple", "^^^^^^"),
    ("(a := 2)", ".* got an assignment", " ^^^^^^"),
    ("x + +y", ".* got a \\+ in front; leave it out", "    ^^"),
    ("not x", ".* got the operator Not", "^^^^^"),
    ("x // y", ".* got the operator FloorDiv", "^^^^^^"),
    ("x % y", ".* got the operator Mod", "^^^^^"),
    ("x + 2j", "numbers must be real, got a complex number", "    ^^"),
    ("x * True", "numbers must be real, got True", "    ^^^^"),
    ("x * -False", "numbers must be real, got False", "     ^^^^^"),
    ("'x' * 2", "numbers must be real, got text", "^^^"),
    ("f'{x}'", ".* got text", "^^^^^^"),
    ("None", "numbers must be real, got None", "^^^^"),
    ("...", "numbers must be real, got Ellipsis", "^^^"),
    (f"x + 1{'0' * 400}", r"numbers must be at most 1\.8e\+308, the largest float64, got more", f"    {'^' * 60}"),
    ("x + 1e999", r"numbers must be at most 1\.8e\+308, the largest float64, got more", "    ^^^^^"),
    (f"{'9' * 5000}", r"numbers must be at most 1\.8e\+308, the largest float64, got more", None),
    ("x + exp", r"exp must be called, exp\(\.\.\.\), got the name alone", "    ^^^"),
    ("exp(x, y)", "exp must be given 1 argument, got 2", "^^^^^^^^^"),
    ("exp()", "exp must be given 1 argument, got 0", "^^^^^"),
    ("x + max(a, b, c)", r"max must be given 1 or 2 arguments, got 3; write max\(max\(a, b\), c\)", "    ^^^^^^^^^^^^"),
    ("exp(x=1)", "exp must be given its arguments one by one, by position, got x=", "    ^^^"),
    ("exp(*x)", "exp must be given its arguments one by one, by position, got a star", "    ^^"),
    ("max(x, **y)", "max must be given its arguments one by one, by position, got two stars", "       ^^^"),
    ("x + 1 / 0", r"numbers must have a value, got an error: Divide\(\): b must not be zero", "    ^^^^^"),
    ("x ** log(0 - 1)", r"numbers must have a value, got an error: Log\(\): x must be positive", "     ^^^^^^^^^^"),
    ("x ++", "text must be a formula as Python writes them, got invalid syntax", None),  # where, is Python's
    ("x y", "text must be a formula as Python writes them, got invalid syntax", None),
    ("x = 2", "text must be a formula as Python writes them, got ", None),
    ("(x", "text must be a formula as Python writes them, got '\\(' was never closed", None),
    ("x\0", "text must be a formula as Python writes them, got the character '.x00'", " ^"),
    ("x + \ud800", "text must be a formula as Python writes them, got the character '.ud800'", "    ^"),
    ("θθ + φ.x", ".* got an attribute", "     ^^^"),  # characters are counted, not bytes
    ("(x\n + foo(y))", "a function must be one of .*, got foo", "   ^^^"),
    (
        "(" * 300 + "x" + ")" * 300,
        "text must be a formula as Python writes them, got too many nested parentheses",
        None,
    ),
]


@pytest.mark.parametrize(("text", "message", "carets"), REFUSED, ids=[repr(text)[:30] for text, *_ in REFUSED])
def test_anything_else_is_refused_with_its_place(text, message, carets):
    with pytest.raises(ValueError, match=f"(?s)^formula: {message}") as error:
        formula(text)
    _, shown, marks = str(error.value).split("\n")
    assert shown.startswith("    ")
    if carets is not None:
        assert marks == f"    {carets}"


def test_the_place_in_a_long_text_is_shown_with_what_is_around():
    with pytest.raises(ValueError, match="got foo") as error:
        formula(f"{'x + ' * 100}foo(y){' + x' * 100}")
    _, shown, marks = str(error.value).split("\n")
    assert shown[marks.index("^") : marks.rindex("^") + 1] == "foo"
    assert len(shown) < 130


@pytest.mark.parametrize("text", ["", "  \n "])
def test_no_text_is_refused(text):
    with pytest.raises(ValueError, match="formula: text must hold a formula, got none"):
        formula(text)


@pytest.mark.parametrize("text", [None, 3, b"x", ["x"]])
def test_text_is_a_str(text):
    with pytest.raises(TypeError, match=f"formula: text must be a str, got {type(text).__name__}"):
        formula(text)


def test_a_text_above_10_000_characters_is_refused():
    assert len(formula(f"{' ' * 4990}x + y{' ' * 5005}").inputs) == 2
    with pytest.raises(ValueError, match="formula: text must have at most 10,000 characters, got 10,001"):
        formula(f"{' ' * 10_000}x")


@pytest.mark.parametrize(
    "text",
    [
        "x" + "+x" * 600,
        "x" + "+x" * 4999,
        "-" * 600 + "x",
        "-" * 9999 + "x",
        "x" + "**x" * 3000,
        "x**(" * 100 + "2" + ")" * 100 + "+x" * 500,
        "(" * 4999 + "x" + ")" * 4999,
        "exp(" * 1900 + "x" + ")" * 1900,
        "[" * 5000,
    ],
)
def test_what_is_too_deep_is_refused(text):
    with pytest.raises(ValueError, match=r"at most 500 gates|too many nested parentheses"):
        formula(text)


def test_500_gates_one_inside_the_other_are_not_too_deep():
    circuit = formula("x" + " + x" * 498)
    assert circuit.forward(2.0) == 998
    assert circuit.backward() == 499
    assert formula("2" + "**1" * 498 + "* x").forward(3) == 6


def test_nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for text in ("1if x else 2", "'\\d' * x", "1is x", "0x1for x in y"):
            with pytest.raises(ValueError, match="formula: "):
                formula(text)


def test_a_negative_base_of_an_exponent_that_is_a_wire_is_refused():
    circuit = formula("a ** b")
    with pytest.raises(ValueError, match=re.escape("Power(), layer **1: a must be positive where b is an input too")):
        circuit.forward(-2, 2)


# ---- random formulas -------------------------------------------------------------------------------------------------

MANY = 20 if os.environ.get("HANDGRAD_LONG") else 1


def written(rng, depth):
    """Return a random formula of the names a, b, c, in text."""
    if depth == 0 or rng.random() < 0.1:
        return str(rng.choice(["a", "b", "c", "2", "0.5", "3e0", "1.25"]))
    parts = [written(rng, depth - 1) for _ in range(2)]
    space = " " * int(rng.integers(2))
    kind = rng.integers(8)
    if kind < 4:
        operator = str(rng.choice(["+", "-", "*", "/"]))
        text = f"{parts[0]}{space}{operator}{space}{parts[1]}"
        return text if rng.random() < 0.5 else f"({text})"
    if kind == 4:
        return f"-{parts[0]}" if rng.random() < 0.5 else f"(-{parts[0]})"
    if kind == 5:
        return f"({parts[0]}) ** {rng.choice(['2', '3', '-1', '(1 / 2)', '0.5', 'b'])}"
    if kind == 6:
        return f"{rng.choice(['max', 'min'])}({parts[0]},{space}{parts[1]})"
    return f"{rng.choice([name for name in NAMES if name not in ('max', 'min')])}({parts[0]})"


def evaluated(text, values):
    """Return what Python itself makes of a formula, None where that is no finite real number."""
    try:
        value = eval(text, {"__builtins__": {}, **NAMES}, values)
    except (ArithmeticError, ValueError, TypeError):  # TypeError: max of a complex number, and the like
        return None
    return value if isinstance(value, int | float) and math.isfinite(value) else None


@pytest.mark.parametrize("seed", range(150 * MANY))
def test_random_formulas_against_pythons_own_evaluation(seed):
    rng = np.random.default_rng(seed)
    text = written(rng, 4)
    values = {name: float(rng.uniform(0.2, 3)) for name in "abc"}
    expected = evaluated(text, values)
    names = {node.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)}
    try:
        circuit = formula(text)
        found = circuit.forward(**{name: values[name] for name in circuit.inputs})
    except ValueError:
        # what we refuse and Python computes: infinities on the way, and negative numbers under an exponent like b
        assert expected is None or "**" in text or abs(expected) < 1e-300
        return
    assert set(circuit.inputs) == names & set("abc")
    if expected is not None:
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(40 * MANY))
def test_random_formulas_against_finite_differences(seed):
    rng = np.random.default_rng(1000 + seed)
    while True:
        text = written(rng, 3)
        values = {name: float(rng.uniform(0.4, 2)) for name in "abc"}
        value = evaluated(text, values)
        if value is not None and 1e-3 < abs(value) < 1e3:
            try:
                circuit = formula(text)
                circuit.forward(**{name: values[name] for name in circuit.inputs})
                circuit.backward()
            except ValueError:
                continue
            if circuit.inputs:
                break
    report = check_gradients(circuit, *(values[name] for name in circuit.inputs))
    assert report.largest <= 1e-7
