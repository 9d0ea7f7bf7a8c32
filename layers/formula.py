"""Formulas as text, made into circuits: the grammar is Python's own, read by `ast` and never evaluated."""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .activations import Sigmoid, Tanh
from .contract import Layer
from .elementary import Absolute, Cos, Elementwise, Exp, Log, Negate, Sin
from .gates import Add, Divide, MatMul, Maximum, Minimum, Multiply, Subtract
from .graph import Graph
from .powers import Power, Sqrt
from .rectifiers import ReLU
from .reductions import Max, Mean, Min, Sum
from .shape import Identity
from .text import DEEPEST, TOO_LARGE, Text

OPERATORS: dict[type[ast.operator], tuple[str, Callable[[], Layer]]] = {
    ast.Add: ("+", Add),
    ast.Sub: ("-", Subtract),
    ast.Mult: ("*", Multiply),
    ast.Div: ("/", Divide),
    ast.Pow: ("**", Power),
    ast.MatMult: ("@", MatMul),
}
FUNCTIONS: dict[str, dict[int, Callable[[], Layer]]] = {  # by the number of arguments
    "exp": {1: Exp},
    "log": {1: Log},
    "sqrt": {1: Sqrt},
    "sin": {1: Sin},
    "cos": {1: Cos},
    "tanh": {1: lambda: Elementwise(Tanh())},
    "sigmoid": {1: lambda: Elementwise(Sigmoid())},
    "relu": {1: lambda: Elementwise(ReLU())},
    "abs": {1: Absolute},
    "sum": {1: Sum},
    "mean": {1: Mean},
    "max": {1: Max, 2: Maximum},
    "min": {1: Min, 2: Minimum},
}
KINDS = {
    "Compare": "a comparison",
    "BoolOp": "and, or",
    "IfExp": "a condition",
    "Attribute": "an attribute",
    "Subscript": "a subscript",
    "Call": "the result of another call",
    "Lambda": "a lambda",
    "Tuple": "a tuple",
    "List": "a list",
    "Dict": "a dict",
    "Set": "a set",
    "NamedExpr": "an assignment",
    "JoinedStr": "text",
} | dict.fromkeys(("ListComp", "SetComp", "DictComp", "GeneratorExp"), "a comprehension")


def formula(text: str) -> Graph:
    """Return the circuit of a formula, a Graph of gates that keeps: "(x + y) * z" -> q = x + y, f = q * z.

    It is read by the grammar of Python: + - * / ** @, unary minus, parentheses, real numbers, names, and the functions
    exp, log, sqrt, sin, cos, tanh, sigmoid, relu, abs, sum, mean, max, min. Of one argument max and min reduce
    everything, as sum and mean do; of two they are gates. Every other name is an input; one that comes twice is one
    wire that forks. Broadcasting is NumPy's, numbers are float64.

    `a ** b` takes any a where b is made of numbers alone; where b depends on an input, a must be positive.

    Parameters
    ----------
    text : str
        At most 10,000 characters, with at most 500 gates one inside the other.

    Raises
    ------
    TypeError
        If text is no str.
    ValueError
        If the text holds anything else; the place is marked.

    Examples
    --------
    >>> circuit = formula("(x + y) * z")
    >>> circuit.forward(x=-2, y=5, z=-4)
    -12.0
    >>> circuit.backward()
    {'x': -4.0, 'y': -4.0, 'z': 3.0}
    >>> formula("2 * x + max(x, y, z)")
    Traceback (most recent call last):
        ...
    ValueError: formula: max must be given 1 or 2 arguments, got 3; write max(max(a, b), c)
        2 * x + max(x, y, z)
                ^^^^^^^^^^^^
    """
    return _Formula(text)


class _Formula(Graph):
    """The circuit of a formula: numbers come out as Python's own, and what comes in is made float64."""

    def __init__(self, text: str) -> None:
        reader = _Reader(text)
        self.text = text
        self._labels = reader.labels
        super().__init__(reader.nodes, inputs=reader.inputs, outputs=reader.output, keep=True, dtype=np.float64)

    @property
    def _casts(self) -> bool:
        return True

    def _label(self, name: str) -> str:
        return self._labels.get(name, "")

    def forward(self, /, *inputs: Any, **named: Any) -> Any:
        return _plain(super().forward(*inputs, **named))

    def backward(self, dout: Any = None, input_gradient: bool = True) -> Any:
        dinputs = super().backward(dout, input_gradient)
        if isinstance(dinputs, dict):
            return {name: _plain(dx) for name, dx in dinputs.items()}
        return _plain(dinputs)

    def predict(self, /, *inputs: Any, batch_size: int | None = None, **named: Any) -> Any:
        return _plain(super().predict(*inputs, batch_size=batch_size, **named))

    def kinds(self, prefix: str = "") -> Iterator[tuple[str, str]]:
        yield prefix, repr(self)  # which says all

    def __repr__(self) -> str:
        return f"formula({self.text!r})"

    @property
    def title(self) -> str:
        text = " ".join(self.text.split())
        return f"formula({text if len(text) <= 60 else text[:57] + '...'!r})"


def _plain(value: Any) -> Any:
    """Return a number as Python's own."""
    return float(value) if type(value) is np.float64 else value


class _Reader:
    """A text made into nodes. It goes down to the leaves and comes back up without recursion, gate by gate."""

    def __init__(self, text: Any) -> None:
        self.text = Text(text)
        self.nodes: dict[str, Any] = {}
        self.labels: dict[str, str] = {}
        self.inputs: list[str] = []
        self.fixed: dict[str, Any] = {}  # the values of nodes that depend on no input
        self.counts: Counter[str] = Counter()
        tree = self.text.parsed()
        self.taken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        self.output = self._read(tree)
        if self.output in self.inputs or not isinstance(self.nodes[self.output], tuple):  # a name or a number alone
            self.output = self._add("identity", Elementwise(Identity()), [self.output], tree)

    def _read(self, tree: ast.expr) -> str:
        """Return the name of the node that computes the tree, having added it and all that it needs."""
        # What is left to do, the next at the end: nodes on the way down, and gates whose operands have been read.
        waiting: list[tuple[ast.expr, int, tuple[str, Any, int] | None]] = [(tree, 1, None)]
        done: list[str] = []  # what has been read, and waits for its gate
        while waiting:
            node, depth, gate = waiting.pop()
            if depth > DEEPEST:
                self.text.refuse(f"text must have at most {DEEPEST} gates one inside the other, got more", node)
            if gate is not None:
                sign, kind, n = gate
                sources, done = done[-n:], done[:-n]
                done.append(self._joined(sign, kind, sources, node))
            elif isinstance(node, ast.Name):
                done.append(self._input(node))
            elif (number := self._number(node)) is not None:
                done.append(self._named("#", number, number))
            else:
                sign, kind, operands = self._gate(node)
                waiting.append((node, depth, (sign, kind, len(operands))))
                waiting.extend((operand, depth + 1, None) for operand in reversed(operands))
        return done[0]

    def _input(self, node: ast.Name) -> str:
        if node.id in FUNCTIONS:
            self.text.refuse(f"{node.id} must be called, {node.id}(...), got the name alone", node)
        if node.id not in self.inputs:
            self.inputs.append(node.id)
        return node.id

    def _number(self, node: ast.expr) -> float | None:
        """Return the number that a node stands for, None if it is something else."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            number = self._number(node.operand)
            return None if number is None else -number
        if not isinstance(node, ast.Constant):
            return None
        if not isinstance(node.value, int | float) or isinstance(node.value, bool):
            self.text.refuse(f"numbers must be real, got {_kind(node)}", node)
        try:
            number = float(node.value)
        except OverflowError:
            number = math.inf
        if math.isinf(number):
            self.text.refuse(f"numbers {TOO_LARGE}", node)
        return number

    def _gate(self, node: ast.expr) -> tuple[str, Callable[[], Layer], list[ast.expr]]:
        """Return the sign, the kind of gate and the operands of a node."""
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return (*OPERATORS[type(node.op)], [node.left, node.right])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return "-", Negate, [node.operand]
        if not isinstance(node, ast.Call):
            self.text.refuse(
                f"text must be made of numbers, names, + - * / ** @ and functions, got {_kind(node)}", node
            )
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
            got = node.func.id if isinstance(node.func, ast.Name) else _kind(node.func)
            self.text.refuse(f"a function must be one of {', '.join(FUNCTIONS)}, got {got}", node.func)
        name, kinds, n = node.func.id, FUNCTIONS[node.func.id], len(node.args)
        for other in [*node.keywords, *(each for each in node.args if isinstance(each, ast.Starred))]:
            named = getattr(other, "arg", None)
            got = "a star" if isinstance(other, ast.Starred) else f"{named}=" if named else "two stars"
            self.text.refuse(f"{name} must be given its arguments one by one, by position, got {got}", other)
        if n not in kinds:
            counts, mend = (
                " or ".join(map(str, kinds)),
                f"; write {name}({name}(a, b), c)" if len(kinds) > 1 and n else "",
            )
            self.text.refuse(f"{name} must be given {counts} argument{'s' * (counts != '1')}, got {n}{mend}", node)
        return name, kinds[n], node.args

    def _joined(self, sign: str, kind: Callable[[], Layer], sources: list[str], node: ast.expr) -> str:
        """Return the name of a new gate of these sources."""
        if kind is Power and sources[1] in self.fixed:
            # An exponent made of numbers is one number, of the gate itself: what made it is not drawn.
            exponent = float(self.fixed[sources[1]])
            for name in list(self._above(sources.pop())):
                del self.nodes[name]
                self.counts[name.rstrip("0123456789")] -= 1
            return self._add(sign, Power(exponent), sources, node)
        return self._add(sign, kind(), sources, node)

    def _above(self, name: str) -> Iterator[str]:
        """Yield the nodes that a node of numbers is made of."""
        waiting = [name]
        while waiting:
            yield (name := waiting.pop())
            if isinstance(self.nodes[name], tuple):
                waiting.extend(self.nodes[name][1:])

    def _add(self, sign: str, gate: Layer, sources: list[str], node: ast.expr) -> str:
        value = None
        if all(source in self.fixed for source in sources):
            try:
                value = gate.predict(*(self.fixed[source] for source in sources))
            except ValueError as error:
                self.text.refuse(f"numbers must have a value, got an error: {error}", node)
        name = self._named(sign, (gate, *sources), value)
        self.labels[name] = self.text.of(node)
        return name

    def _named(self, sign: str, node: Any, value: Any) -> str:
        """Add a node under its sign and number, and return that name."""
        self.counts[sign] += 1
        while (name := f"{sign}{self.counts[sign]}") in self.taken or name in self.nodes:
            self.counts[sign] += 1
        self.nodes[name] = node
        if value is not None:
            self.fixed[name] = value
        return name


def _kind(node: ast.AST) -> str:
    """Return what a node is, in words."""
    if isinstance(node, ast.Constant):
        value = node.value
        return "a complex number" if isinstance(value, complex) else "text" if isinstance(value, str) else repr(value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd):
        return "a + in front; leave it out"
    if isinstance(node, ast.BinOp | ast.UnaryOp):
        return f"the operator {type(node.op).__name__}"
    return KINDS.get(type(node).__name__, f"{type(node).__name__}")
