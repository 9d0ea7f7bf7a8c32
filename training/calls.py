"""Calls with arguments that do not fit, answered with what was meant."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from layers.contract.meant import did_you_mean

P = ParamSpec("P")
T = TypeVar("T")

RATE = "learning_rate of the optimizer"
# What the same thing is called elsewhere, and where it belongs here.
HABITS = {
    "validation_data": "validation=(x, y)",
    "validation_split": "validation=(x, y), of what train_test_split(x, y, share) has set apart",
    "class_weight": "class_weights of the loss",
    "class_weights": "class_weights of the loss",
    "sample_weight": "sample_weights",
    "weights": "sample_weights",
    "lr": RATE,
    "learning_rate": RATE,
    "n_epochs": "epochs",
    "num_epochs": "epochs",
    "nb_epoch": "epochs",
    "initial_epoch": "checkpoint=path, resume=True",
    "random_state": "rng",
    "seed": "rng",
    "train_size": "test_size",
    "restore_best_weights": "restore_best",
    "save_best_only": "keep_best",
    "filepath": "path",
    "min_delta": "improvement",
    "min_lr": "minimum",
    "filename": "path",
    "n_jobs": "parts",
    "workers": "parts",
}


def answering(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function, or the `__init__` of a class, say what was meant where it is given what it does not take.

    Examples
    --------
    >>> @answering
    ... def shuffled(x, *, rng=None): ...
    >>> shuffled([1, 2], random_state=0)
    Traceback (most recent call last):
    TypeError: shuffled() got an unexpected keyword argument 'random_state': did you mean rng?
    >>> shuffled()
    Traceback (most recent call last):
    TypeError: shuffled() missing a required argument: 'x': shuffled(x, *, rng=None)
    """
    signature = inspect.signature(function)
    name = function.__qualname__.removesuffix(".__init__").rpartition(".")[-1]
    shown = [each for each in signature.parameters.values() if each.name != "self"]

    @functools.wraps(function)
    def called(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            signature.bind(*arguments, **options)
        except TypeError as error:
            unknown = [typed for typed in options if typed not in signature.parameters]
            if unknown:
                meant = HABITS.get(unknown[0])
                known = [each.name for each in shown if each.kind != each.POSITIONAL_ONLY]
                hint = f": did you mean {meant}?" if meant else did_you_mean(unknown[0], known)
                said = f"got an unexpected keyword argument {unknown[0]!r}"
            else:
                hint, said = "", str(error)
            plain = inspect.Signature([each.replace(annotation=each.empty) for each in shown])
            raise TypeError(f"{name}() {said}{hint or f': {name}{plain}'}") from None
        return function(*arguments, **options)

    return called
