"""The run of a circuit in formulas, a gate at a time: forward its value, backward the chain rule, with their numbers.

    x + y = -2.00 + 5.00 = 3.00        forward, what the gate makes of what comes in
    dx = dout · y = 1.00 · (-4.00)     backward, what arrives times the derivative of the gate

Of arrays the formula is written and the shape, since their numbers would fill the page.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .circuit import Record, in_words

LONG = 16  # letters of a text that stands for its gate; of a longer one the name does
LETTERS = "abcdefgh"
SIGNS = {*" +-*/@^·"}
LEADING = re.compile(r"^\((-[\d.e+-]+)\)")  # a negative number in front needs no parentheses
Local = tuple[str, Callable[..., Any]]  # the derivative for one input: in letters, and of numbers


class Step(NamedTuple):
    """A step of the run: which parts it lights, what it says, and whose value and gradient are known from now on."""

    phase: str
    parts: tuple[str, ...]
    text: str
    values: tuple[str, ...] = ()
    gradients: tuple[str, ...] = ()


# operation: its formula, and for each input the derivative times dout, in letters and of numbers (d, out, *inputs)
GATES: dict[str, tuple[str, tuple[Local, ...]]] = {
    "Add": ("{a} + {b}", (("dout", lambda d, o, a, b: d), ("dout", lambda d, o, a, b: d))),
    "Subtract": ("{a} - {b}", (("dout", lambda d, o, a, b: d), ("-dout", lambda d, o, a, b: -d))),
    "Multiply": ("{a} · {b}", (("dout · {b}", lambda d, o, a, b: d * b), ("dout · {a}", lambda d, o, a, b: d * a))),
    "Divide": (
        "{a} / {b}",
        (("dout / {b}", lambda d, o, a, b: d / b), ("-dout · {a} / {b}²", lambda d, o, a, b: -d * a / b**2)),
    ),
    "Power": (
        "{a} ^ {b}",
        (
            ("dout · {b} · {a} ^ ({b} - 1)", lambda d, o, a, b: d * b * a ** (b - 1)),
            ("dout · {out} · log({a:bare})", lambda d, o, a, b: d * o * math.log(a)),
        ),
    ),
    "Maximum": (
        "max({a:bare}, {b:bare})",
        (
            ("dout, if {a} ≥ {b}, else 0", lambda d, o, a, b: d * (a >= b)),
            ("dout, if {b} > {a}, else 0", lambda d, o, a, b: d * (b > a)),
        ),
    ),
    "Minimum": (
        "min({a:bare}, {b:bare})",
        (
            ("dout, if {a} ≤ {b}, else 0", lambda d, o, a, b: d * (a <= b)),
            ("dout, if {b} < {a}, else 0", lambda d, o, a, b: d * (b < a)),
        ),
    ),
    "MatMul": ("{a} @ {b}", (("dout @ {b}ᵀ", lambda d, o, a, b: None), ("{a}ᵀ @ dout", lambda d, o, a, b: None))),
    "Negate": ("-{a}", (("-dout", lambda d, o, a: -d),)),
    "Absolute": ("|{a:bare}|", (("dout, if {a} > 0, else -dout", lambda d, o, a: d if a > 0 else -d),)),
    "Exp": ("exp({a:bare})", (("dout · {out}", lambda d, o, a: d * o),)),
    "Log": ("log({a:bare})", (("dout / {a}", lambda d, o, a: d / a),)),
    "Sqrt": ("sqrt({a:bare})", (("dout / (2 · {out})", lambda d, o, a: d / (2 * o)),)),
    "Sin": ("sin({a:bare})", (("dout · cos({a:bare})", lambda d, o, a: d * math.cos(a)),)),
    "Cos": ("cos({a:bare})", (("-dout · sin({a:bare})", lambda d, o, a: -d * math.sin(a)),)),
    "Tanh": ("tanh({a:bare})", (("dout · (1 - {out}²)", lambda d, o, a: d * (1 - o * o)),)),
    "Sigmoid": ("sigmoid({a:bare})", (("dout · {out} · (1 - {out})", lambda d, o, a: d * o * (1 - o)),)),
    "ReLU": ("max(0, {a:bare})", (("dout, if {a} > 0, else 0", lambda d, o, a: d * (a > 0)),)),
    "Sum": ("sum({a:bare})", (("dout, in every place", lambda d, o, a: d),)),
    "Mean": ("mean({a:bare})", (("dout / n, in every place", lambda d, o, a: d),)),
    "Max": ("max({a:bare})", (("dout, where {a} is largest", lambda d, o, a: d),)),
    "Min": ("min({a:bare})", (("dout, where {a} is smallest", lambda d, o, a: d),)),
}
LAYERS = {
    "Dense": ("{a} @ weights + bias", "dout @ weightsᵀ"),
    "Embedding": ("weights[{a:bare}]", "none, {a} are integers"),
    "Flatten": ("{a}, in one row", "dout, in the shape of {a}"),
    "Identity": ("{a}", "dout"),
    "Softmax": ("softmax({a:bare})", "{out} · (dout - sum(dout · {out}))"),
    "Dropout": ("{a} · mask", "dout · mask"),
}


def steps_of(records: Sequence[Record]) -> list[Step]:
    """Return the run through these parts: the inputs, each gate forward, each one backward if gradients are known.

    Examples
    --------
    >>> for step in steps_of(formula("(x + y) * z").trace(x=-2, y=5, z=-4).records()):
    ...     print(step.text)
    x = -2.00, y = 5.00, z = -4.00
    x + y = -2.00 + 5.00 = 3.00
    (x + y) · z = 3.00 · (-4.00) = -12.00
    d((x + y) * z) = 1.00, where backward begins
    d(x + y) = dout · z = 1.00 · (-4.00) = -4.00; dz = dout · (x + y) = 1.00 · 3.00 = 3.00
    dx = dout = -4.00; dy = dout = -4.00
    """
    by_name = {record["name"]: record for record in records}
    given = [record for record in records if not record["sources"]]
    moving = [record for record in records if record["sources"]]
    named = [f"{_letters(each):bare} = {_number(each['value']):bare}" for each in given if each["kind"] == "input"]
    names = tuple(each["name"] for each in given)
    steps = [Step("forward", names, ", ".join(named) or "constants alone", names)]
    for record in moving:
        steps.append(Step("forward", (record["name"],), _forward(record, by_name), (record["name"],)))
    if all(record["gradient"] is None for record in records):
        return steps
    outputs = [record for record in records if record["output"]] or moving[-1:]
    begun = ", ".join(f"d{_letters(each):d} = {_number(each['gradient']):bare}" for each in outputs)
    ends = tuple(each["name"] for each in outputs)
    steps.append(Step("backward", ends, f"{begun}, where backward begins", (), ends))
    left = {name: sum(each["sources"].count(name) for each in records) for name in by_name}
    for record in reversed(moving):
        texts, known = [], []
        for i, source in enumerate(record["sources"]):
            left[source] -= 1
            texts.append(_backward(record, i, by_name, left[source]))
            if not left[source] and source not in known:
                known.append(source)
        steps.append(Step("backward", (record["name"],), "; ".join(texts), (), tuple(known)))
    return steps


class Word(str):
    """What stands for a value in a formula: in parentheses, where it is more than a name, a number or a call.

    In `{a:bare}` never; in `{a:d}`, behind the d of a derivative, also where it is a call.
    """

    def __format__(self, spec: str) -> str:
        apart = SIGNS | {"(", "["} if spec == "d" else SIGNS
        simple = spec == "bare" or self.startswith("[") or not apart & {*self}
        return str(self) if simple else "(" + str(self) + ")"


def _letters(record: Record) -> Word:
    """Return a part in letters: the text of a gate if it is short, its name, or the number that a constant is."""
    if record["kind"] == "constant":
        return Word(record["sign"])
    if record["kind"] in ("layer", "container"):
        return Word(f"out[{record['name']}]")
    text = " ".join(str(record["label"]).split())
    name = str(record["name"])
    return Word(text if text and len(text) <= LONG else name if name.isidentifier() else f"[{name}]")


def _number(value: Any) -> Word:
    """Return a number with two digits; of an array itself if it is small, or its shape."""
    if value is None:
        return Word("?")
    if np.ndim(value):
        return Word(in_words(value))
    number = float(np.asarray(value))
    plain = not math.isfinite(number) or number == 0 or 0.005 <= abs(number) < 1e7
    return Word(f"{number:.2f}" if plain else f"{number:.2e}")


def _template(record: Record) -> tuple[str, Sequence[Local]]:
    """Return the formula of a part, and its derivative for each input."""
    operation, n = str(record["operation"]), len(record["sources"])
    if operation == "Power" and n == 1:  # to a number, which its sign says
        exponent = Word(str(record["sign"])[2:])
        power = float(exponent) if exponent.replace(".", "").replace("-", "").isdigit() else math.nan
        local = f"dout · {exponent} · {{a}} ^ ({exponent} - 1)"
        return f"{{a}} ^ {exponent}", ((local, lambda d, o, a: d * power * a ** (power - 1)),)
    if operation in GATES and n == len(GATES[operation][1]):
        return GATES[operation]
    forward, backward = LAYERS.get(operation, ("", ""))
    if not forward or n != 1:
        title = str(record["sign"]).splitlines()[0].replace("{", "{{").replace("}", "}}")
        letters = ", ".join(f"{{{letter}:bare}}" for letter in LETTERS[:n])
        forward, backward = f"{title} of {letters}", "dout times its derivative"
    return forward, tuple((backward, lambda *_: None) for _ in range(n))


def _words(record: Record, by_name: Mapping[str, Record], numbers: bool) -> dict[str, Word]:
    """Return what stands for the inputs and the out of a part, in letters or as numbers."""
    written = (lambda part: _number(part["value"])) if numbers else _letters
    words = {letter: written(by_name[source]) for letter, source in zip(LETTERS, record["sources"], strict=False)}
    return words | {"out": _number(record["value"]) if numbers else Word("out")}


def _all_numbers(record: Record, by_name: Mapping[str, Record]) -> bool:
    values = [record["value"], *(by_name[source]["value"] for source in record["sources"])]
    return len(record["sources"]) <= len(LETTERS) and all(value is not None and not np.ndim(value) for value in values)


def _chain(*parts: str) -> str:
    """Return what is equal, each once: "a + b = 1.00 + 2.00 = 3.00"."""
    clean = [LEADING.sub(r"\1", part) for part in parts if part]
    return " = ".join(part for i, part in enumerate(clean) if i == 0 or part != clean[i - 1])


def _forward(record: Record, by_name: Mapping[str, Record]) -> str:
    template, _ = _template(record)
    numbers = template.format(**_words(record, by_name, True)) if _all_numbers(record, by_name) else ""
    out = "" if record["value"] is None else str(_number(record["value"]))
    return _chain(template.format(**_words(record, by_name, False)), numbers, out)


def _backward(record: Record, i: int, by_name: Mapping[str, Record], left: int) -> str:
    """Return the derivative of a part for its input i; `left` more ways lead to that input."""
    source = by_name[record["sources"][i]]
    _, derivatives = _template(record)
    template, local = derivatives[i]
    dout, total, result, numbers = record["gradient"], source["gradient"], None, ""
    if dout is not None and not np.ndim(dout) and _all_numbers(record, by_name):
        with np.errstate(all="ignore"), contextlib.suppress(ArithmeticError, ValueError):
            inputs = [np.float64(by_name[name]["value"]) for name in record["sources"]]
            result = local(np.float64(dout), np.float64(record["value"]), *inputs)
        if result is not None and ", " not in template:
            numbers = template.replace("dout", "{dout}").format(**_words(record, by_name, True), dout=_number(dout))
    several = sum(each["sources"].count(source["name"]) for each in by_name.values()) > 1
    shown = result if result is not None else None if several else total
    found = template.format(**_words(record, by_name, False))
    text = _chain(f"d{_letters(source):d}", found, numbers, "" if shown is None else str(_number(shown)))
    if several and not left and total is not None:
        text += f"; all ways to {_letters(source):bare} together: {_number(total):bare}"
    return text
