"""How objects are made: by arguments that fit their class, or by an error that names the class and what was typed.

The same file stands in each package that may not import another one, and a test says so.
"""

from __future__ import annotations

import difflib
import inspect
import re
from abc import ABCMeta
from typing import Any

# What the same thing is called elsewhere.
ELSEWHERE = {
    "lr": "learning_rate",
    "rate": "learning_rate",
    "bias": "use_bias",
    "units": "n_outputs, after n_inputs",
    "filters": "n_outputs, after n_inputs",
    "in_features": "n_inputs",
    "out_features": "n_outputs",
    "in_channels": "n_inputs",
    "out_channels": "n_outputs",
    "strides": "stride",
    "groups": "n_groups",
    "p": "rate",
    "eps": "epsilon",
    "betas": "beta1 and beta2",
    "seed": "rng",
    "random_state": "rng",
    "kernel_initializer": "initializer",
    "clipnorm": "clip_norm",
    "clipvalue": "clip_value",
    "dim": "axis",
    "alpha": "slope",
    "negative_slope": "slope",
}


# What is no argument here, and what to do instead.
APART = {
    "activation": "an activation is a layer of its own, such as ReLU() after it",
    "return_sequences": "leave it away: out has every step, and LastStep() after it takes the last one",
    "bidirectional": "write Concatenate([LSTM(...)], [LSTM(..., reverse=True)])",
    "num_layers": "write several of them in a Sequential",
    "batch_first": "leave it away: x is (N, T, D)",
    "params": "leave it away: step(model) is given the model",
    "input_shape": "leave it away: n_inputs says it",
    "from_logits": "leave it away: each loss says in its docstring what it takes, SoftmaxCrossEntropy logits",
}


class _Signature:
    """The signature of a class, which `inspect` would else take from `Constructed.__call__`."""

    def __get__(self, cls: Any, owner: Any = None) -> inspect.Signature:
        _, *parameters = inspect.signature(cls.__init__).parameters.values()
        return inspect.Signature(parameters)


class Constructed(ABCMeta):
    """The type of classes whose objects are made with care: see `misfit`, and `constructed`, which each object gets."""

    __signature__ = _Signature()  # no data descriptor: a class may have a signature of its own

    def __call__(cls, *args: Any, **options: Any) -> Any:
        try:
            thing: Any = super().__call__(*args, **options)
        except TypeError as error:
            problem = misfit(cls, args, options, str(error))
            if problem:
                raise TypeError(problem) from error
            raise
        if hasattr(thing, "constructed"):
            thing.constructed()
        return thing


class Elsewhere:
    """A name that is not there, and what to write instead: to `hasattr`, copies and subclasses there is nothing.

    It stands for a `__getattr__`, which would make every attribute slower to read.

    Examples
    --------
    >>> class Lamp:
    ...     light = Elsewhere("light", "it burns by itself")
    >>> hasattr(Lamp(), "light")
    False
    >>> Lamp().light()
    Traceback (most recent call last):
    AttributeError: 'Lamp' object has no attribute 'light': it burns by itself
    """

    def __init__(self, name: str, hint: str) -> None:
        self.name, self.hint = name, hint

    def __get__(self, thing: Any, kind: type) -> Any:
        hint, text = self.hint_for(thing), f"{kind.__name__!r} object has no attribute {self.name!r}"
        raise AttributeError(f"{text}: {hint}" if hint else text, name=self.name, obj=thing)

    def hint_for(self, thing: Any) -> str:
        """Return what to write instead, or ""."""
        return self.hint


def misfit(cls: type, args: tuple[Any, ...], options: dict[str, Any], said: str) -> str:
    """Return why these arguments do not fit a class, in Python's words for its constructor, or nothing.

    Examples
    --------
    >>> class Lamp:
    ...     def __init__(self, watts, *, color="white"): ...
    >>> misfit(Lamp, (40,), {"colour": "red"}, "Lamp.__init__() got an unexpected keyword argument 'colour'")
    "Lamp() got an unexpected keyword argument 'colour': did you mean color?"
    >>> misfit(Lamp, (), {}, "Lamp.__init__() missing 1 required positional argument: 'watts'")
    "Lamp() missing 1 required positional argument: 'watts': Lamp(watts, *, color='white')"
    """
    signature = inspect.signature(cls)
    try:
        signature.bind(*args, **options)
    except TypeError:
        known = list(signature.parameters)
        named = [each for each in signature.parameters.values() if each.kind != each.VAR_KEYWORD]
        plain = inspect.Signature([each.replace(annotation=each.empty) for each in named])
        hint = re.sub(r"<function (\w+) at \w+>", r"\1", f"{cls.__name__}{plain}")
        for typed in options:
            if typed not in known:
                meant = ELSEWHERE.get(typed, "")
                meant = meant if any(each in meant for each in known) else ""
                close = [meant] if meant else difflib.get_close_matches(typed, known, 1)
                hint = APART.get(typed) or (f"did you mean {close[0]}?" if close else hint)
        said = said.partition(". Did you mean")[0]  # Python 3.13 guesses too
        return f"{re.sub(r'^[^ ]*__init__', cls.__name__, said)}: {hint}"
    return ""
