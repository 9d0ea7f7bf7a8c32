"""The drawing as SVG and the page around it: its numbers read back, its letters escaped, its formulas right."""

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from test_circuit import random_records

from layers import Dense, Graph, Multiply, ReLU, Sequential, formula
from pictures import page_of, svg_of, write_page
from pictures.steps import steps_of

FIRST = formula("(x + y) * z").trace(x=-2, y=5, z=-4).records()
SVG = "{http://www.w3.org/2000/svg}"


def texts(svg, kind):
    return [each.text for each in ET.fromstring(svg).iter(f"{SVG}text") if each.get("class") == kind]


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_the_numbers_stand_in_the_drawing():
    svg = svg_of(FIRST)
    assert texts(svg, "value") == ["-2", "5", "-4", "3", "-12"]
    assert texts(svg, "gradient") == ["-4", "-4", "3", "-4", "1"]
    assert texts(svg, "sign") == ["x", "y", "z", "+", "*"]


def test_there_is_a_text_for_those_who_cannot_see_it():
    root = ET.fromstring(svg_of(FIRST, title="a sum times z"))
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == "a sum times z"
    assert root.find(f"{SVG}desc").text == "x; y; z; +1: + of x, y; *1: * of +1, z."


@pytest.mark.parametrize("seed", range(12))
def test_no_text_lies_over_another_one(seed):
    boxes = []
    for each in ET.fromstring(svg_of(random_records(seed))).iter(f"{SVG}text"):
        x, y, size = (float(each.get(name)) for name in ("x", "y", "font-size"))
        width = float(each.get("textLength") or 0.6 * size)
        left = x - width / 2 if each.get("text-anchor") == "middle" else x
        boxes.append((left, y - 0.4 * size, left + width, y + 0.4 * size, each.text))
    for i, (a0, b0, a1, b1, text) in enumerate(boxes):
        for c0, d0, c1, d1, other in boxes[:i]:
            assert a1 <= c0 or c1 <= a0 or b1 <= d0 or d1 <= b0, (text, other)


@pytest.mark.parametrize("name", ["</script><b>", "a&b", 'q"uo', "it's", "{brace}", "$dollar", "ünï"])
def test_letters_that_mean_something_to_a_browser_are_escaped(name):
    circuit = Graph({name: (Multiply(), "x", "y")})
    page = page_of(circuit.trace(x=2.0, y=3.0).records(), title=name)
    ET.fromstring(re.search(r"<svg.*?</svg>", page, re.DOTALL)[0])
    assert page.count("</script>") == 2
    assert "<b>" not in page
    assert any(step["lit"] for step in data_of(page))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, 1e-300, 0.0])
def test_every_number_can_be_shown(value):
    with np.errstate(all="ignore"):
        page = page_of(Graph({"f": (Multiply(), "x", "y")}).trace(x=value, y=1.0).records())
    assert len(data_of(page)) == 4


def test_the_page_asks_no_network_for_anything():
    page = page_of(FIRST)
    assert re.findall(r'(?:src|href)="', page) == []
    assert re.sub(r'xmlns="http://www.w3.org/2000/svg"', "", page).count("http") == 0
    script = page.split("<script>")[1].split("</script>")[0]
    assert len(script.strip().splitlines()) <= 150


def test_the_steps_say_which_numbers_are_known_from_then_on():
    data = data_of(page_of(FIRST))
    assert [step["phase"] for step in data] == ["forward"] * 3 + ["backward"] * 3
    assert data[0]["shown"] == ["value0", "value1", "value2"]
    assert [name for step in data for name in step["shown"] if name.startswith("gradient")] == [
        "gradient4",
        "gradient3",
        "gradient2",
        "gradient0",
        "gradient1",
    ]
    assert data[1]["lit"] == ["part3"]


# ---- formulas --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "numbers", "wanted"),
    [
        ("x * y", {"x": 2, "y": -3}, ["x · y = 2.00 · (-3.00) = -6.00", "dx = dout · y = 1.00 · (-3.00) = -3.00"]),
        ("x - y", {"x": 2, "y": -3}, ["x - y = 2.00 - (-3.00) = 5.00", "dy = -dout = -1.00"]),
        ("x / y", {"x": 2, "y": -4}, ["dy = -dout · x / y² = -1.00 · 2.00 / (-4.00)² = -0.12"]),
        ("exp(x)", {"x": -1}, ["exp(x) = exp(-1.00) = 0.37", "dx = dout · out = 1.00 · 0.37 = 0.37"]),
        ("max(x, y)", {"x": 2, "y": 3}, ["dx = dout, if x ≥ y, else 0 = 0.00"]),
        ("x ** 3", {"x": 2}, ["x ^ 3 = 2.00 ^ 3 = 8.00", "dx = dout · 3 · x ^ (3 - 1) = 1.00 · 3 · 2.00 ^ (3 - 1) ="]),
        ("x * x", {"x": 3}, ["dx = dout · x = 1.00 · 3.00 = 3.00; all ways to x together: 6.00"]),
        ("sum(a @ b)", {"a": np.ones((2, 2)), "b": np.ones((2, 2))}, ["a @ b = [[2, 2], [2, 2]]", "db = aᵀ @ dout"]),
    ],
)  # fmt: skip
def test_a_step_writes_the_formula_with_its_numbers(text, numbers, wanted):
    said = "\n".join(step.text for step in steps_of(formula(text).trace(**numbers).records()))
    for each in wanted:
        assert each in said


@pytest.mark.parametrize(
    "text",
    [
        "x + y", "x - y", "x * y", "x / y", "x ** y", "x ** -2", "max(x, y)", "min(x, y)", "-x", "abs(x - y)", "exp(x)",
        "log(x)", "sqrt(x)", "sin(x)", "cos(x)", "tanh(x)", "sigmoid(x)", "relu(x)", "sum(x)", "mean(x)", "max(x)",
        "(x + y) * (x - y) / exp(y)", "1 / (1 + exp(-(x * y + x)))",
    ],
)  # fmt: skip
def test_what_a_step_computes_is_what_comes_back(text, rng):
    for _ in range(5):
        numbers = {name: rng.uniform(0.5, 2) for name in "xy" if re.search(rf"\b{name}\b", text)}
        records = formula(text).trace(**numbers).records()
        gradients = {each["name"]: each["gradient"] for each in records if each["kind"] == "input"}
        for name, gradient in gradients.items():
            contributions = [
                float(part.split("; all")[0].split(" = ")[-1])
                for step in steps_of(records)
                if step.phase == "backward"
                for part in step.text.split("; d")
                if part.removeprefix("d").startswith(f"{name} = ")
            ]
            assert sum(contributions) == pytest.approx(gradient, abs=0.006 * len(contributions))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("max(x, y)", {"x": 2, "y": 2}), ("min(x, y)", {"x": 2, "y": 2}), ("abs(x)", {"x": 0}), ("relu(x)", {"x": 0})],
)
def test_at_a_tie_and_at_a_kink_a_step_says_what_backward_does(text, numbers):
    trace = formula(text).trace(**numbers)
    said = steps_of(trace.records())[-1].text
    for name in numbers:
        (number,) = re.findall(rf"d{name} = [^;]* = (-?[\d.]+)", said)
        assert float(number) == trace.gradients[name]


def test_layers_have_formulas_too(rng):
    model = Sequential([Dense(2, 3), ReLU()], rng=0)
    said = [step.text for step in steps_of(model.trace(rng.normal(size=(4, 2))).records())]
    assert said[1].startswith("x @ weights + bias = (4, 3), norm ")
    assert said[-1].startswith("dx = dout @ weightsᵀ = (4, 2), norm ")
    assert [step.text for step in steps_of(model.records())] == ["x = ?", "x @ weights + bias", "max(0, out[0])"]


# ---- what is given ---------------------------------------------------------------------------------------------------


def test_an_object_shows_itself_in_a_notebook():
    circuit = formula("x * y")
    assert texts(circuit._repr_html_(), "sign") == ["x", "y", "*"]
    assert "Dense(2, 3)" in Sequential([Dense(2, 3)])._repr_html_()


def test_a_graph_that_keeps_shows_what_it_has_kept(tmp_path):
    circuit = formula("x * y")
    circuit.forward(x=2.0, y=3.0)
    circuit.html(tmp_path / "page.html")
    assert "x · y = 2.00 · 3.00 = 6.00" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: formula("x * y").html(7), "write_page: path must be the name of a file, got 7"),
        (lambda: write_page("", FIRST), "write_page: path must be the name of a file, got ''"),
        (lambda: page_of(FIRST, opened=1), "page_of: opened must be True or False, got 1"),
        (lambda: page_of(FIRST, title=1), "page_of: title must be text, got 1"),
        (lambda: svg_of("records"), "svg_of: records must be a list of dicts, got 'records'"),
    ],
)
def test_what_does_not_fit_is_refused_in_clear_words(call, text):
    with pytest.raises(TypeError, match=re.escape(text)):
        call()
