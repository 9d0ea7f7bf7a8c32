"""What one types out of habit with other libraries, and a `forward` written without the `predict` that belongs to it.

    model(x)    model.fit(...)    model.train()    layer.weight = w

A name that is not there is refused by Python anyway; here one learns what was meant. What is there costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .construction import Elsewhere
from .meant import ELSEWHERE, did_you_mean, meant

TRAINS = "fit(model, loss, optimizer, x, y, epochs=...) of the package training does that"
MODES = "forward is the training pass, predict the inference pass"
HABITS = {
    "fit": TRAINS,
    "compile": f"there is nothing to compile, {TRAINS}",
    "evaluate": "evaluate(model, loss, x, y) of the package training does that",
    "score": "evaluate(model, loss, x, y, metrics=accuracy) of the package training does that",
    "predict_proba": "predict, with a Softmax or Sigmoid at the end",
    "train": MODES,
    "eval": MODES,
    "zero_grad": "there is nothing to zero, backward sets the gradients",
    "add": "the layers of a Sequential are given at once, as a list",
    "append": "the layers of a Sequential are given at once, as a list",
    "to": "Sequential([...], dtype=...) holds another dtype",
    "get_weights": "state_dict() has them by name",
    "set_weights": "load_state_dict(state) takes them by name",
    "named_parameters": "state_dict() has them by name",
    "trainable": "layer.rest() keeps a layer as it is",
    "requires_grad": "layer.rest() keeps a layer as it is",
    "save": "save(path, model) of the package training does that",
    "load_weights": "load(path, model) of the package training does that",
    "count_params": "parameters.size says how many",
    "predict_classes": "predict(x).argmax(axis=1) does that",
    "cuda": "NumPy computes on the processor alone",
    "freeze": "layer.rest() keeps a layer as it is",
}
SWITCHES = ("trainable", "requires_grad")  # which would change nothing
SAME_FORWARD = ("Layer", "Container")  # whose predict is forward, by a twin


class _Elsewhere(Elsewhere):
    """One that may also be the name of an array, spelled otherwise."""

    def hint_for(self, thing: Any) -> str:
        declared = () if thing is None else thing.__dict__.get("shapes", ())
        return self.hint or did_you_mean(self.name, declared)[2:]


class Habits:
    """The part of a layer that answers what it does not have."""

    if not TYPE_CHECKING:  # to whom every layer would be a function

        def __call__(self, *_: Any, **__: Any) -> Any:
            raise TypeError(f"{self.who}: a layer is not called: {MODES}, as in model.predict(x)")

    def __init_subclass__(cls, **keywords: Any) -> None:
        """See to it that predict agrees with a forward that is written anew."""
        super().__init_subclass__(**keywords)
        kinds = cls.__mro__
        predicts = next((kind for kind in kinds if "predict" in vars(kind)), None)
        if "forward" not in vars(cls) or predicts in (cls, None) or predicts.__name__ in SAME_FORWARD:
            return
        code = getattr(vars(predicts)["predict"], "__code__", None)
        if code is None or "forward" in code.co_names:
            return  # it calls forward itself
        container: Any = next((kind for kind in kinds if kind.__name__ == "Relay"), None)
        if container is None:
            setattr(cls, "predict", _unwritten(predicts.__name__))  # noqa: B010  # to mypy it is no variable
        else:
            setattr(cls, "predict", container.predict)  # noqa: B010  # forward, by a twin, in which layers predict
            inherited: Any = cls
            inherited.knows_rest = inherited.knows_rest  # which check_can_rest looks for beside a predict


for _name, _hint in {**dict.fromkeys(ELSEWHERE, ""), **HABITS}.items():
    setattr(Habits, _name, _Elsewhere(_name, _hint))


def _unwritten(above: str) -> Callable[..., Any]:
    """Return a predict that refuses, since the one that is inherited may compute something else than forward."""

    def predict(self: Any, *_: Any, **__: Any) -> Any:
        raise NotImplementedError(
            f"{self.who}: predict must be written beside forward, which that of {above} does not call; if it is still "
            f"right, write `predict = {above}.predict`"
        )

    return predict


def check_new_name(layer: Any, name: str) -> None:
    """Raise where a new attribute of a layer that is made was meant to be one of its arrays: `layer.weight = ...`."""
    if name in SWITCHES and not hasattr(type(layer), name):
        raise AttributeError(f"{layer.who}: cannot set {name!r}: {HABITS[name]}, and wake() lets it learn again")
    shapes = layer.__dict__["shapes"]
    if not shapes or name[0] == "_" or hasattr(type(layer), name):
        return
    found = meant(name, [*shapes, *(f"d{declared}" for declared in shapes)])
    if found and not any(letter.isdigit() for letter in name + found):  # weights2 may well be beside weights1
        raise AttributeError(f"{layer.who}: cannot set {name!r}, since there is {found!r}: did you mean that?")
