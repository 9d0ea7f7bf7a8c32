"""Malformed calls of everything public, drawn from its signatures and the types that its docstrings give.

An object of each class is taken from the tables of the other tests, with its arguments. One argument, in the
constructor, in an assignment or in a method, is then replaced by something that its type excludes. What must come is an
error that says who, what must hold and what came; nothing may be taken, and nothing may have changed.
"""

import copy
import dataclasses
import datetime
import decimal
import fractions
import inspect
import re
import warnings

import numpy as np
from test_gradients import GATES, LAYERS, LOSSES
from test_rules import RULES
from test_schedules import WORKED

import layers
import losses
import optimizers
import pictures
import training
from layers import Layer, Sequential
from optimizers import Optimizer


class Sparse:
    """What a sparse matrix looks like to NumPy: an object with a shape, which becomes an array of one object."""

    shape, dtype, ndim = (5, 4), np.dtype(float), 2

    def toarray(self):
        return np.zeros(self.shape)


class Unreadable:
    """An object that raises when it is asked for an array."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array here")


# ---- what can be typed -----------------------------------------------------------------------------------------------

NEVER = {  # what no number, flag, text, function or list of ours can be
    "none": None,
    "text": "wrong",
    "bytes": b"wrong",
    "object": object(),
    "a class": dict,
    "complex": 1j,
    "decimal": decimal.Decimal("0.5"),
    "fraction": fractions.Fraction(1, 2),
    "dict": {"wrong": 1},
    "set": {1, 2},
    "an array of three": np.ones(3),
    "date": datetime.date(2020, 1, 1),
    "ragged": [[1], [1, 2]],
}
NUMBERS = {
    "nan": float("nan"),
    "infinity": float("inf"),
    "minus infinity": -float("inf"),
    "huge": 10**400,
    "NumPy's nan": np.float32("nan"),
}
FLAGS = {"a flag": True, "NumPy's flag": np.True_}
POSITIVE = re.compile(r"^(n_|kernel|stride|epochs|batch_size|every|patience|parts|dilation|multiplier|size|steps)")


def malformed(name, kind):
    """Return {words: value} of what a parameter of this name and of this type in its docstring cannot be."""
    kind, parts = kind.lower(), {}
    optional = "optional" in kind or "none" in kind or "default kernel_size" in kind
    known = False
    if re.search(r"\bbool\b", kind):
        known, parts = True, {**NEVER, **NUMBERS, "one": 1, "zero": 0, "half": 0.5, "list": [True]}
    elif re.match(r"(int|float)\b", kind) and "generator" not in kind:
        known, parts = True, {**NEVER, **NUMBERS, **FLAGS, "list": [[1]]}
        if kind.startswith("int") and "float" not in kind:
            parts["half"] = 1.5
            parts.pop("huge")
            if POSITIVE.match(name):
                parts |= {"minus one": -1, "zero": 0}
        if "in [0, 1" in kind:
            parts |= {"minus": -0.1, "two": 2.0}
        if "> 0" in kind or ">= 0" in kind:
            parts["minus"] = -0.5
        if re.search(r"rows|before|\bcolumns", kind):
            parts |= {"five": [1, 2, 3, 4, 5]}
        if "callable" in kind or "schedule" in kind:
            parts.pop("a class")  # is called, and what it returns is looked at
        if "tuple" in kind:
            parts.pop("set")
    elif kind.startswith("callable"):
        known, parts = True, {**NEVER, **NUMBERS, **FLAGS, "zero": 0, "list": [1]}
        parts.pop("a class")
    elif kind.startswith('"') or kind.startswith("str"):
        known, parts = True, {**NEVER, **NUMBERS, **FLAGS, "zero": 0, "list": ["a"]}
        if kind.startswith("str"):
            parts.pop("text")
    elif kind.startswith("floating dtype"):
        known, parts = True, {**NEVER, **NUMBERS, "int": np.int64, "complex dtype": np.complex64}
    elif kind.startswith("sequence of") or kind.startswith("list"):
        known, parts = True, {**NEVER, **NUMBERS, **FLAGS, "zero": 0, "list": [object()]}
    elif "generator" in kind:
        known, optional, parts = True, True, {**NEVER, **NUMBERS, **FLAGS, "minus": -1, "half": 0.5}
        parts.pop("huge")  # a seed may be long
    if optional:
        parts.pop("none", None)
    return parts if known else {}


def bad_arrays(array):
    """Return {words: value} of what cannot stand for this array of numbers."""
    array = np.asarray(array)
    shape = array.shape
    bad = {
        "none": None,
        "text": "wrong",
        "object": object(),
        "dict": {"wrong": 1},
        "set": {1, 2},
        "a class": dict,
        "sparse": Sparse(),
        "unreadable": Unreadable(),
        "ragged": [[1.0], [1.0, 2.0]],
        "complex": np.ones(shape, complex),
        "texts": np.full(shape, "a"),
        "dates": np.zeros(shape, "M8[s]"),
        "objects": np.full(shape, None, object),
        "records": np.zeros(shape, [("a", float)]),
    }
    if array.ndim:
        bad["masked"] = np.ma.masked_array(
            array, mask=np.zeros(shape, bool) | (np.arange(array.size).reshape(shape) == 0)
        )
    return bad


# ---- everything public -----------------------------------------------------------------------------------------------


def types_in(thing):
    """Return {parameter: its type} as the docstring of a class or function gives it, base classes included."""
    found = {}
    for each in reversed(thing.__mro__) if isinstance(thing, type) else [thing]:
        text = inspect.cleandoc(each.__doc__ or "")
        section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+$|\Z)", text, re.MULTILINE | re.DOTALL)
        for names, kind in re.findall(r"^(\*{0,2}\w+(?:, \w+)*) : (.+)$", section[1] if section else "", re.MULTILINE):
            found |= {name.strip("*"): kind for name in names.split(", ")}
    return found


def arguments_of(thing):
    """Return {parameter: value} with which an object was made, as far as it keeps them."""
    found = {}
    for name, parameter in inspect.signature(type(thing)).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            return None
        if hasattr(thing, name):
            found[name] = getattr(thing, name)
        elif parameter.default is parameter.empty:
            return None
    return found


def made(kind, arguments):
    """Return a new object of this kind."""
    positional, named = [], {}
    for name, parameter in inspect.signature(kind).parameters.items():
        if name in arguments:
            if parameter.kind == parameter.KEYWORD_ONLY:
                named[name] = arguments[name]
            else:
                positional.append(arguments[name])
    return kind(*positional, **named)


def objects(every=False):
    """Yield (object, inputs of its forward) for one of each class in the tables, or for every row of them."""
    seen = set()
    for layer, *inputs in [*LAYERS, *GATES, *LOSSES, *((rule,) for rule in RULES), *((s,) for s, _ in WORKED)]:
        if every or type(layer) not in seen:
            seen.add(type(layer))
            rng = np.random.default_rng(0)
            yield (
                layer,
                [rng.normal(size=x) if isinstance(x, tuple) and all(type(n) is int for n in x) else x for x in inputs],
            )


# ---- a call, and what came of it -------------------------------------------------------------------------------------

OURS = {name for package in (layers, losses, optimizers, training, pictures) for name in package.__all__}


def words_of(error):
    try:
        return str(error)
    except Exception:
        return ""


def verdict(error, who, parameter):
    """Return "clear" or "unclear" of an error that came of a malformed call."""
    text = words_of(error)
    if isinstance(error, dataclasses.FrozenInstanceError):
        return "clear"
    if not isinstance(error, ValueError | TypeError | RuntimeError | AttributeError | KeyError | IndexError):
        return "unclear"
    if isinstance(error, TypeError) and re.search(r"argument|positional|keyword", text):
        return "clear" if re.match(rf"{who}[.(]", text) else "unclear"
    names = re.search(rf"\b{re.escape(who)}\b", text) or any(re.match(rf"{re.escape(each)}\b", text) for each in OURS)
    says = re.search(r"\b(must|cannot|needs?|takes)\b", text) and re.search(r"\b(got|but|has)\b", text)
    return "clear" if names and says else "unclear"


def state(*things):
    """Return everything of some objects that a refusal must leave as it is."""
    found = []
    for thing in things:
        for name, value in vars(thing).items() if hasattr(thing, "__dict__") else [("", thing)]:
            if name in ("_cache", "_kept", "_far", "_dtype", "_ordinary", "divisor"):  # that of a pass before is gone
                continue
            if isinstance(value, np.ndarray):
                found.append((value.dtype.str, value.shape, value.tobytes()))
            elif isinstance(value, int | float | str | bool | bytes | tuple | type(None)):
                found.append(repr(value))
            elif isinstance(value, dict) and all(isinstance(v, np.ndarray) for v in value.values()):
                found.append([(k, v.tobytes()) for k, v in value.items()])
        if isinstance(thing, Layer):
            found += [(name, value.tobytes()) for name, value in thing.state_dict().items()]
            found.append(thing.gradients.tobytes())
    return repr(found)


class Call:
    """One malformed call: who is called, with what in the place of which parameter, and how."""

    def __init__(self, who, parameter, words, run, watched=()):
        self.who, self.parameter, self.words, self.run, self.watched = who, parameter, words, run, watched

    def outcome(self):
        """Return ("clear" | "unclear" | "taken" | "changed", what was said)."""
        before = state(*self.watched)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                warnings.filterwarnings("ignore", "(invalid value|divide by zero|overflow)", RuntimeWarning)  # NumPy's
                given = self.run()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            result = verdict(error, self.who, self.parameter), f"{type(error).__name__}: {words_of(error)}"
        else:
            result = "taken", repr(given)[:200]
        return result if state(*self.watched) == before else ("changed", result[1])

    def __repr__(self):
        return f"{self.who}: {self.parameter} is {self.words}"


def calls(every=False):
    """Yield the malformed calls of one object of each class, or of every row of the tables."""
    for thing, inputs in objects(every):
        who, kind, arguments = type(thing).__name__, type(thing), arguments_of(thing)
        types = types_in(kind)
        if arguments is not None:
            for name in inspect.signature(kind).parameters:
                for words, value in malformed(name, types.get(name, "")).items():
                    changed = {**copy.deepcopy(arguments), name: value}
                    yield Call(who, name, words, lambda kind=kind, changed=changed: made(kind, changed))
                    fresh = copy.deepcopy(thing)
                    if name in vars(fresh):
                        put = lambda fresh=fresh, name=name, value=value: setattr(fresh, name, value)  # noqa: E731
                        yield Call(who, f"{name} (assigned)", words, put, [fresh])
        yield from _called(thing, who, inputs)


def _called(thing, who, inputs):
    if isinstance(thing, Layer):
        yield from _layer_calls(thing, who, inputs)
    elif isinstance(thing, Optimizer):
        yield from _optimizer_calls(thing, who)
    elif inputs:
        yield from _loss_calls(thing, who, inputs)
    elif callable(thing):
        for words, value in {**NEVER, **NUMBERS, **FLAGS, "minus one": -1, "half": 1.5}.items():
            yield Call(who, "step", words, lambda value=value: thing(value))


def _layer_calls(thing, who, inputs):
    arrays = [i for i, x in enumerate(inputs) if isinstance(x, np.ndarray)]
    for i in arrays:
        for words, value in bad_arrays(inputs[i]).items():
            for method in ("forward", "predict"):
                layer = copy.deepcopy(thing)
                given = [*inputs[:i], value, *inputs[i + 1 :]]
                run = lambda layer=layer, method=method, given=given: getattr(layer, method)(*given)  # noqa: E731
                yield Call(who, f"x of {method}", words, run, [layer])
    if not arrays:
        return
    out = copy.deepcopy(thing).forward(*inputs)
    if not isinstance(out, np.ndarray):
        return
    shapes = {"a row too many": np.ones((out.shape[0] + 1, *out.shape[1:])), "one number": np.ones(()),
              "broadcast": np.ones((1,) * (out.ndim + 1))}  # fmt: skip
    for words, value in {**bad_arrays(out), **(shapes if out.size > 1 else {})}.items():
        if words == "none" and isinstance(thing, layers.Graph) and out.size == 1:
            continue  # of one number it may be left out
        layer = copy.deepcopy(thing)

        def run(layer=layer, value=value):
            layer.forward(*inputs)
            return layer.backward(value)

        yield Call(who, "dout of backward", words, run, [])
    for name in [*thing.shapes, *(f"d{name}" for name in thing.shapes), *thing.buffers, "parameters", "gradients"]:
        array = getattr(thing, name, None)
        if isinstance(array, np.ndarray) and array.size:
            shapes = {"longer": np.ones(np.size(array) + 1), "a number": 1.0, "a row": np.ones((1, *np.shape(array)))}
            for words, value in {**bad_arrays(array), **shapes}.items():
                layer = copy.deepcopy(thing)
                put = lambda layer=layer, name=name, value=value: setattr(layer, name, value)  # noqa: E731
                yield Call(who, f"{name} (assigned)", words, put, [layer])
    for words, value in {**NEVER, **NUMBERS, "minus": -1, "zero": (0,), "half": (1.5,), "flag": (True,)}.items():
        if words not in ("an array of three", "set"):
            yield Call(who, "input_shape of output_shape", words, lambda value=value: thing.output_shape(value))
    for words, value in {**NEVER, "a name": {"wrong": np.ones(1)}, "list": [1]}.items():
        layer = copy.deepcopy(thing)
        if words != "dict" and layer.state_dict():
            yield Call(who, "state", words, lambda layer=layer, value=value: layer.load_state_dict(value), [layer])
    for words, value in malformed("rng", "int or numpy.random.Generator, optional").items():
        layer = copy.deepcopy(thing)
        if layer.parameters.size:
            yield Call(
                who, "rng of initialize", words, lambda layer=layer, value=value: layer.initialize(value), [layer]
            )


def _loss_calls(thing, who, inputs):
    for i, array in enumerate(inputs):
        extra = {}
        if i == 1:
            extra = {"nan": np.full(np.shape(array), np.nan),
                     "below": np.full(np.shape(array), -7), "shorter": np.asarray(array)[:-1]}  # fmt: skip
            if np.asarray(array).dtype.kind == "f":
                extra.pop("below")
        for words, value in {**bad_arrays(array), **extra}.items():
            if i == 2 and words == "none":
                continue
            loss = copy.deepcopy(thing)
            given = [*inputs[:i], value, *inputs[i + 1 :]]
            name = ("predictions", "y", "sample_weights")[i]
            yield Call(who, name, words, lambda loss=loss, given=given: loss.forward(*given))
    weights = np.ones(len(inputs[0]))
    for words, value in {
        **bad_arrays(weights),
        "minus": -weights,
        "nan": weights * np.nan,
        "longer": np.ones(99),
    }.items():
        if words != "none":
            loss = copy.deepcopy(thing)
            yield Call(who, "sample_weights", words, lambda loss=loss, value=value: loss.forward(*inputs[:2], value))


def _optimizer_calls(thing, who):
    def model():
        return Sequential([layers.Dense(2, 2)], dtype=np.float64, rng=0)

    for words, value in {**NEVER, "zero": 0, "flag": True}.items():
        optimizer = copy.deepcopy(thing)
        yield Call(
            who, "model of step", words, lambda optimizer=optimizer, value=value: optimizer.step(value), [optimizer]
        )
    trained, used = model(), copy.deepcopy(thing)
    trained.gradients += 0.5
    used.step(trained)
    good = used.state_dict()
    for name, array in good.items():
        bad = (
            bad_arrays(array)
            if isinstance(array, np.ndarray)
            else {**NEVER, **NUMBERS, **FLAGS, "minus": -1, "half": 0.5}
        )
        more = {"longer": np.ones(99), "nan": np.full(np.shape(array), np.nan)} if isinstance(array, np.ndarray) else {}
        for words, value in {**bad, **more}.items():
            optimizer = copy.deepcopy(used)
            given = {**good, name: value}
            run = lambda optimizer=optimizer, given=given: optimizer.load_state_dict(given)  # noqa: E731
            yield Call(who, f"{name} of load_state_dict", words, run, [optimizer])
    for words, value in NEVER.items():
        optimizer = copy.deepcopy(used)
        yield Call(
            who, "state", words, lambda optimizer=optimizer, value=value: optimizer.load_state_dict(value), [optimizer]
        )
