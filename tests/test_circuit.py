"""Circuits: where the parts go, what is written at the wires, and that nothing is drawn over anything."""

import io
import itertools
import re

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from layers import (  # fmt: skip
    Add,
    BatchNorm,
    Concatenate,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    Multiply,
    ReLU,
    Residual,
    Sequential,
    Tanh,
    formula,
)
from pictures import dot_of, plot_circuit
from pictures.circuit import Drawing, flattened, in_words
from pictures.layered import layered

SIGMOID = "1 / (1 + exp(-(w0*x0 + w1*x1 + w2)))"
NEURON = {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3}


def texts(figure, gid):
    return [text.get_text() for text in figure.texts if text.get_gid() == gid]


def random_records(seed, n=None, arrays=False):
    """Return the records of a random graph of gates, as `trace` would give them."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 30)) if n is None else n
    records = []
    for i in range(int(rng.integers(1, 6))):
        records.append(record(f"in{i}", "x" * int(rng.integers(1, 8)), "input", (), rng, arrays))
    for i in range(n):
        reads = rng.choice([r["name"] for r in records[-12:]], size=int(rng.integers(1, 4)))
        sign = str(rng.choice(["+", "*", "max", "exp", "Dense(64, 64)", "sigmoid"]))
        kind = "layer" if "(" in sign else "gate"
        records.append(record(f"node{i}", sign, kind, tuple(map(str, reads)), rng, arrays))
    return records


def record(name, sign, kind, sources, rng, arrays):
    scale = 10.0 ** rng.integers(-8, 8)
    value, gradient = rng.normal(size=(2, *rng.integers(1, 5, 2))) if arrays else rng.normal(size=2) * scale
    return {"name": name, "sign": sign, "kind": kind, "sources": sources, "value": value, "gradient": gradient,
            "parameters": 4160 if kind == "layer" else 0, "inside": None, "output": False, "label": "",
            "shape": np.shape(value), "operation": ""}  # fmt: skip


# ---- what is written -------------------------------------------------------------------------------------------------


def test_the_first_circuit_of_the_notes_is_drawn_with_its_numbers():
    figure = formula("(x + y) * z").plot(x=-2, y=5, z=-4)
    assert sorted(texts(figure, "value")) == ["-12", "-2", "-4", "3", "5"]
    assert sorted(texts(figure, "gradient")) == ["-4", "-4", "-4", "1", "3"]
    assert sorted(texts(figure, "sign")) == ["*", "+", "x", "y", "z"]


def test_values_stand_above_the_wire_in_green_and_gradients_below_it_in_red():
    figure = formula("x * y").plot(x=2, y=3)
    of = {(text.get_text(), text.get_gid()): text for text in figure.texts}
    value, gradient = of["6", "value"], of["1", "gradient"]
    assert value.get_position()[1] > gradient.get_position()[1]
    assert value.get_position()[0] == gradient.get_position()[0]
    assert value.get_color() != gradient.get_color()


def test_the_numbers_can_be_read_back_from_the_svg():
    file = io.StringIO()
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none"}):
        formula(SIGMOID).plot(**NEURON).savefig(file, format="svg")
    written = re.findall(r"<text [^>]*>([^<]*)</text>", file.getvalue())
    # CS231n: 1.37, 0.73 forward, then -0.53, -0.20, 0.20, 0.39, -0.39, -0.59 backward
    for number in ("1.37", "0.73", "-0.53", "-0.2", "0.2", "0.39", "-0.39", "-0.59", "0.37"):
        assert number in written or number.replace("-", "\u2212") in written


def test_without_values_there_is_the_structure_alone():
    figure = formula("x + y").plot()
    assert texts(figure, "value") == texts(figure, "gradient") == []
    assert sorted(texts(figure, "sign")) == ["+", "x", "y"]


def test_what_a_graph_has_kept_is_drawn():
    graph = Graph({"q": (Add(), "x", "y"), "f": (Multiply(), "q", "z")}, keep=True)
    graph.forward(-2.0, 5.0, -4.0)
    assert sorted(texts(graph.plot(), "value")) == ["-12", "-2", "-4", "3", "5"]
    assert texts(graph.plot(), "gradient") == []
    graph.backward()
    assert len(texts(graph.plot(), "gradient")) == 5


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ""),
        (-12.0, "-12"),
        (0.73106, "0.73"),
        (-0.0001, "-1.0e-04"),
        (1.5e9, "1.5e+09"),
        (3, "3"),
        (np.float32(2.5), "2.5"),
        (float("nan"), "nan"),
        (-np.inf, "-inf"),
        (-0.0, "0"),
        (np.array([1.0, 0.25]), "[1, 0.25]"),
        (np.eye(2), "[[1, 0], [0, 1]]"),
        (np.ones((5, 4)), "(5, 4), norm 4.47"),
        (np.arange(10), "(10), norm 16.88"),
    ],
)
def test_a_value_in_words(value, words):
    assert in_words(value) == words


def test_a_network_is_drawn_with_its_parameters_and_can_be_opened():
    layers = [Conv2D(1, 8, 3), BatchNorm(8), Residual([Tanh(), ReLU()]), Concatenate([Tanh()], [ReLU()]), Flatten()]
    model = Sequential([*layers, Dense(576, 10)], rng=0)
    closed, opened = (texts(model.plot(opened=flag), "sign") for flag in (False, True))
    assert "80 parameters" in closed
    assert "5,770 parameters" in closed
    assert "Residual of 2 layers" in closed
    assert "Residual of 2 layers" not in opened
    assert opened.count("Tanh()") == opened.count("ReLU()") == 2
    assert opened.count("+") == opened.count("|") == 1


def test_a_graph_of_many_parts_has_no_numbers():
    figure = plot_circuit(random_records(0, n=60))
    assert texts(figure, "value") == []


def test_a_text_with_dollars_is_written_as_it_is():
    figure = plot_circuit([{**random_records(0)[0], "sign": "$x_1$"}])
    FigureCanvasAgg(figure).draw()
    assert texts(figure, "sign") == [r"\$x_1\$"]


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="plot_circuit: records must hold a part, got none"):
        plot_circuit([])


# ---- nothing over anything -------------------------------------------------------------------------------------------


def overlaps(figure):
    """Return the pairs of texts, and of texts and gates that they do not stand in, that lie over one another."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    boxes = [(text.get_text(), text.get_gid(), text.get_window_extent(renderer)) for text in figure.texts]
    gates = [("gate", "gate", gate.get_window_extent(renderer)) for gate in figure.patches + figure.artists
             if gate.get_gid() == "gate"]  # fmt: skip
    numbers = [box for box in boxes if box[1] in ("value", "gradient")]
    signs = [box for box in boxes if box[1] == "sign"]
    pairs = [*itertools.combinations(numbers, 2), *itertools.product(numbers, [*signs, *gates])]
    pairs += itertools.combinations(gates, 2)
    return [(a[0], b[0]) for a, b in pairs if shrunk(a[2]).overlaps(shrunk(b[2]))]


def shrunk(box):
    return box.padded(-0.5)


@pytest.mark.parametrize("arrays", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_no_text_stands_over_another_one_or_over_a_gate(seed, arrays):
    assert overlaps(plot_circuit(random_records(seed, arrays=arrays))) == []


@pytest.mark.parametrize("seed", range(25))
def test_no_wire_runs_through_a_gate_or_a_number(seed):
    drawn = Drawing(random_records(seed), opened=False)
    ends = {}
    for wire in drawn.wires():
        points = np.array(along(wire))
        for part in drawn.parts.values():
            left, right = part.x - part.body / 2, part.x + part.body / 2
            inside = (points[:, 0] > left + 0.6) & (points[:, 0] < right - 0.6)
            near = np.abs(points[inside, 1] - part.y) < part.tall / 2 - 0.6
            if part.round:  # its left edge is a circle
                near &= np.hypot(points[inside, 0] - part.x, points[inside, 1] - part.y) < part.radius - 0.6
            assert not near.any(), (part.name, wire)
            if part.labels:
                over = (points[:, 0] > right + 3) & (points[:, 0] < part.end - 3)
                heights = points[over, 1] - part.y
                assert np.all((np.abs(heights) < 0.5) | (np.abs(heights) > part.size / 2)), part.name
        ends.setdefault(tuple(points[0]), []).append(points[-1])
    assert ends


def along(wire):
    """Return points along a wire: lines, and curves of Bézier."""
    (here,) = wire[0]
    points = [here]
    for part in wire[1:]:
        t = np.linspace(0, 1, 20)[:, np.newaxis]
        a, *more = (np.array(p) for p in (here, *part))
        if len(more) == 1:
            points += [tuple(p) for p in a + t * (more[0] - a)]
        else:
            b, c, d = more
            points += [
                tuple(p) for p in (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
            ]
        here = part[-1]
    return points


@pytest.mark.parametrize("seed", range(30))
def test_each_part_stands_behind_all_it_reads_and_the_layout_is_the_same_each_time(seed):
    records = random_records(seed)
    sources = {each["name"]: each["sources"] for each in records}
    sizes = dict.fromkeys(sources, 10.0)
    layout = layered(sources, sizes, gap=5.0, thin=2.0)
    assert layout == layered(sources, sizes, gap=5.0, thin=2.0)
    column = {place: k for k, each in enumerate(layout.columns) for place in each}
    assert all(column[source] < column[name] for name, reads in sources.items() for source in reads)
    for each in layout.columns:
        for upper, lower in itertools.pairwise(each):
            apart = (sizes.get(upper, 2.0) + sizes.get(lower, 2.0)) / 2 + 5.0
            assert layout.heights[upper] - layout.heights[lower] >= apart - 1e-9


def test_crossings_that_can_be_avoided_are():
    # a and b are read the other way round
    sources = {"a": (), "b": (), "c": ("b",), "d": ("a",), "e": ("c",), "f": ("d",)}
    layout = layered(sources, dict.fromkeys(sources, 1.0), gap=1.0, thin=0.1)
    assert [each.index(name) for each, name in zip(layout.columns, "bce", strict=True)] in ([0, 0, 0], [1, 1, 1])


def test_a_constant_stands_right_before_its_reader():
    drawn = Drawing(formula("1 / exp(exp(exp(x)))").trace(x=0.1).records(), opened=False)
    constant = next(part for part in drawn.parts.values() if part.kind == "constant")
    assert constant.x > max(part.x for part in drawn.parts.values() if part.kind == "input")


# ---- text for Graphviz -----------------------------------------------------------------------------------------------


def test_dot_has_every_part_and_every_wire():
    text = formula(SIGMOID).dot(**NEURON)
    records = formula(SIGMOID).records()
    assert text.count("->") == sum(len(each["sources"]) for each in records)
    assert text.count("shape=") == len(records)
    assert '[label="0.37\\n-0.53"]' in text


def test_dot_quotes_what_it_must():
    records = [{**random_records(0)[0], "name": 'a"b\\', "sign": 'say "x"\n', "value": None, "gradient": None}]
    assert r'"a\"b\\" [label="say \"x\"\n", shape=plaintext]' in dot_of(records)


def test_what_is_opened_is_wired_through():
    inner = Sequential([Dense(2, 2), ReLU(), Residual([Tanh(), Sequential([ReLU()])])])
    sources = {each["name"]: each["sources"] for each in flattened(Sequential([inner, Dense(2, 1)]).records())}
    assert list(sources) == ["x", "0.0", "0.1", "0.2.0", "0.2.1.0", "0.2.+", "1"]
    assert list(sources.values()) == [(), ("x",), ("0.0",), ("0.1",), ("0.2.0",), ("0.1", "0.2.1.0"), ("0.2.+",)]
