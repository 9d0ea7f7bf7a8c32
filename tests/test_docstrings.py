"""The examples in the docstrings say what happens, and everything public is described and called in the same way."""

import doctest
import importlib
import inspect
import pkgutil
import re

import numpy as np
import pytest

import layers
import losses
import optimizers
import pictures
import training

PACKAGES = (layers, losses, optimizers, pictures, training)
# What an example may use without an import: NumPy as np, and everything public.
NAMES = {"np": np} | {
    name: thing
    for package in PACKAGES
    for name, thing in vars(package).items()
    if not name.startswith("_") and hasattr(thing, "__module__")
}


def modules():
    for package in PACKAGES:
        yield package
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(info.name)


def examples():
    for module in modules():
        for test in doctest.DocTestFinder(exclude_empty=True).find(module, extraglobs=NAMES):
            if test.examples:
                yield pytest.param(test, id=test.name)


@pytest.mark.parametrize("test", list(examples()))
def test_the_example_says_what_happens(test, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append)
    assert not said, "".join(said)


def public_things():
    for package in PACKAGES:
        for name, thing in vars(package).items():
            if getattr(thing, "__module__", "").startswith(package.__name__) and not name.startswith("_"):
                yield pytest.param(thing, id=f"{package.__name__}.{name}")


@pytest.mark.parametrize("thing", list(public_things()))
def test_everything_public_has_a_docstring_with_an_example(thing):
    assert doctest.DocTestParser().get_examples(thing.__doc__ or ""), f"{thing.__name__} has no example"


# ---- the formula in the first line -----------------------------------------------------------------------------------

# Bases have none, these say it in words, and Hinge has two.
WITHOUT_FORMULA = {
    *("Layer", "Container", "Gate", "Loss", "Optimizer"),
    *("Sum", "Mean", "Max", "Min", "Hinge", "OneCycle", "CosineRestarts", "Joined"),
}


def test_every_first_line_holds_the_formula():
    kinds = [thing for p in (layers, losses, optimizers) for thing in vars(p).values() if isinstance(thing, type)]
    bases = (layers.Layer, losses.Loss, optimizers.Optimizer, optimizers.Schedule)
    first = {kind.__name__: (kind.__doc__ or "").strip().split("\n")[0] for kind in kinds if issubclass(kind, bases)}
    missing = {name for name, line in first.items() if not re.search(r" [+-]?= | -> ", line)}
    assert sorted(missing - WITHOUT_FORMULA) == [], (
        "write the formula in the first line of the docstring: out = max(x, 0)"
    )
    assert sorted(WITHOUT_FORMULA - missing) == [], "they have a formula by now: strike them from WITHOUT_FORMULA"


# ---- what comes by position ------------------------------------------------------------------------------------------

BY_POSITION = {
    # sizes and numbers of things
    *("n_inputs", "n_outputs", "n_operands", "n_features", "n_classes", "n_per_class", "n", "n_steps", "n_groups"),
    *("shape", "k", "n_units", "n_heads", "n_positions"),
    *("records", "comm"),
    *("batch_size", "n_batches", "test_size", "steps", "every", "milestones", "starts"),
    # windows
    *("kernel_size", "stride", "padding"),
    # the one number that a formula is known by
    *("rate", "delta", "alpha", "slope", "margin", "factor", "decay", "value", "standard_deviation", "learning_rate"),
    "exponent",
    *("axis", "reduction"),
    # data
    *(
        "x",
        "logits",
        "prompt",
        "tokens",
        "rows",
        "lengths",
        "y",
        "x_train",
        "predictions",
        "matrix",
        "columns",
        "path",
        "directory",
        "name",
        "unit",
        "monitor",
    ),
    # objects
    *(
        "layers",
        "embedding",
        "body",
        "layer",
        "nodes",
        "text",
        "model",
        "loss",
        "optimizer",
        "schedule",
        "schedules",
        "history",
        "histories",
    ),
    *("diagnostics", "found"),
}
# An initializer is called by a layer, a Container by a class built on it; the others are made by functions of ours.
CALLED_BY_US = {"Container", "GradientError", "GradientReport", "Verdict", "RateRange", "CallbackError"}
INITIALIZERS = "layers.initializers"


def parameters_of_everything_public():
    """Yield (name of the thing, its parameters)."""
    for package in PACKAGES:
        for name in package.__all__:
            thing = getattr(package, name)
            called_by_us = name in CALLED_BY_US or (inspect.isfunction(thing) and thing.__module__ == INITIALIZERS)
            if callable(thing) and not called_by_us:
                yield name, list(inspect.signature(thing).parameters.values())


def test_every_option_comes_by_keyword_only():
    positional = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    wrong = {
        f"{name}({parameter.name})"
        for name, parameters in parameters_of_everything_public()
        for parameter in parameters
        if parameter.kind in positional and parameter.name not in BY_POSITION
    }
    assert sorted(wrong) == [], "put a * in front of it; only a size, data or the like is for BY_POSITION of this file"


def test_every_rng_comes_last_and_by_keyword():
    wrong = set()
    for name, parameters in parameters_of_everything_public():
        for i, parameter in enumerate(parameters):
            last = all(after.kind == after.VAR_KEYWORD for after in parameters[i + 1 :])
            if parameter.name == "rng" and not (last and parameter.kind == parameter.KEYWORD_ONLY):
                wrong.add(name)
    assert sorted(wrong) == [], "rng is the last argument, behind the *"
