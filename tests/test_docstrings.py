"""The examples in the docstrings say what happens."""

import doctest
import importlib
import pkgutil

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
