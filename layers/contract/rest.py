"""Layers at rest: they compute what predict does, learn nothing, and let the gradient pass.

Of a layer at rest `forward` is the inference pass and `backward` the exact derivative of that, so that what comes
before it may learn. A layer whose inference pass is its forward needs to know nothing of it: its gradients are put to 0
after each `backward`. One that has a `predict` of its own, or buffers that its forward moves, looks at `self.resting`,
and says so by `knows_rest = True` in its class.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

from .noise import Drawing, found
from .storage import dotted


class Resting(Drawing):
    """The part of a layer that can be put to rest."""

    resting: bool = False
    knows_rest: bool = False  # forward and backward of this class look at `resting`

    def rest(self) -> None:
        """Stop learning: compute what `predict` does, let the gradient pass, have gradients of 0; and so all inside.

        Running means stay as they are, and there is no noise. `backward` returns the exact derivative of that; a
        container goes back no farther than to the first layer that learns, where dx is not asked for. Optimizers leave
        the parameters alone, weight decay included, and their own state too, which goes on when the layer wakes.
        Copies and pickles are at rest as well; a `state_dict` does not know of it.

        Raises
        ------
        TypeError
            If a layer has a `predict` of its own, or buffers, and does not say `knows_rest`. None is at rest then.

        Examples
        --------
        >>> model = Sequential([Dense(2, 2), BatchNorm(2), Dense(2, 1)], rng=0)
        >>> model[1].rest()
        >>> before = model.state_dict()
        >>> model.backward(model.forward(np.ones((4, 2))))[0].shape, model[1].dgain
        ((2,), array([0., 0.], dtype=float32))
        >>> [name for name, value in model.state_dict().items() if not np.array_equal(value, before[name])]
        []
        """
        put(self, True)

    def wake(self) -> None:
        """Learn again after `rest()`, and all inside."""
        put(self, False)

    def changed(self) -> None:
        """Let whoever holds this layer, and optimizers, know that it learns now, or no longer."""
        self.__dict__["layout"] = dict(self.layout)  # another one, at which an optimizer looks anew
        outer = self._outer and self._outer()
        if outer is not None:
            outer.changed()

    @property
    def learns(self) -> bool:
        """Whether there are parameters in here that are not at rest."""
        return self.parameters.size > 0 and not self.resting

    def arrays_at_rest(self) -> tuple[str, ...]:
        """Return the full names of the parameters that are at rest."""
        members = [(prefix, member) for prefix, member in self.members() if member.resting]
        return tuple(dotted(prefix, name) for prefix, member in members for name in member.shapes)


def put(layer: Any, resting: bool) -> None:
    """Put a layer and all inside to rest, or to work; where one of them cannot rest, none does."""
    concerned = [*everything(layer)]
    if resting:
        for each in concerned:
            check_can_rest(each)
    for each in concerned:
        each.forget()  # what was remembered is of another formula
        set_resting(each, resting)
    for each in concerned:
        each.changed()


def set_resting(layer: Any, resting: bool) -> None:
    """Let a layer know whether it is at rest, and take care of its gradients then."""
    own = layer.__dict__
    own.pop("backward", None)
    own.pop("resting", None)
    if resting:
        own["resting"] = True
        if layer.shapes:
            layer.gradients[...] = 0
            own["backward"] = types.MethodType(_backward_at_rest, layer)  # at no cost where nothing rests


def _backward_at_rest(layer: Any, *args: Any, **options: Any) -> Any:
    dx = type(layer).backward(layer, *args, **options)
    layer.gradients[...] = 0
    return dx


def everything(layer: Any) -> Iterator[Any]:
    """Yield a layer and all inside, those in attributes too."""
    members = [each for _, each in layer.members()]
    yield from members
    for member in members:
        for _, held in found(vars(member), Resting, passed=members):
            yield from everything(held)


def check_can_rest(layer: Any) -> None:
    """Raise where forward at rest would not be predict."""
    kinds = type(layer).__mro__
    predicts = next(kind for kind in kinds if "predict" in vars(kind))
    forwards = next(kind for kind in kinds if "forward" in vars(kind))
    made_of_layers = any(each is not layer for _, each in layer.members())
    knows = next((kind for kind in kinds if vars(kind).get("knows_rest")), None)
    last = predicts if made_of_layers else min(predicts, forwards, key=kinds.index)
    generic = predicts.__name__ == "Layer" and not layer.buffers
    if not generic and (knows is None or kinds.index(knows) > kinds.index(last)):
        why = "it has buffers" if predicts.__name__ == "Layer" else "it has a predict of its own"
        raise TypeError(
            f"{layer.who}: forward and backward must compute at rest what predict does, and {why}: let them look at "
            "self.resting, and say knows_rest = True in the class"
        )
