"""Layers where the signal forks and joins: at a fork the gradients add."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .contract import Array, End, Layer, Padded, Part, Relay, Rng, Shape, as_shape, follow, listed
from .sequential import Sequential
from .shape import Identity


class Branches(Relay):
    """Chains of layers over the same x, whose outs are joined.

    In backward, dx is the sum of the branches' dx, since x went into each.
    """

    _layers: tuple[Sequential, ...]

    @property
    def branches(self) -> tuple[Sequential, ...]:
        """The chains, in order."""
        return self._layers

    def _join(self, x: Array, outs: list[Array]) -> Array:
        """Return out, given x and the outs of the branches, and remember what `_split` needs."""
        raise NotImplementedError

    def _split(self, dout: Array) -> list[Array]:
        """Return the gradient of each branch's out. They may share memory, so no branch may write into its own."""
        raise NotImplementedError

    def forward(self, x: Any, lengths: Any = None, state: Any = None) -> Any:
        if isinstance(x, Padded):
            return self._opened(self.forward, x, lengths, state)
        self._cache = None
        x, handed = self._entered(x, lengths, state)
        pairs = zip(self.branches, handed, strict=True)
        out = self._join(x, [branch.forward(x, **options) for branch, options in pairs])
        self._end_with(lengths)
        return out

    def _entered(self, x: Any, lengths: Any, state: Any) -> tuple[Array, list[dict[str, Any]]]:
        """Return x, and what to hand to each branch beside it."""
        handed = self._options("state", state)
        if lengths is None:
            return self._at_the_door(x), handed
        x, lengths = self._at_the_door_of_steps(x, lengths)
        return x, [{**own, "lengths": lengths} for own in handed]

    def backward(self, dout: Any, input_gradient: bool = True, *, dstate: Any = None) -> Array | None:
        douts = self._split(self._dout_at_the_door(self._check_real("dout", dout)))
        triples = zip(self.branches, douts, self._options("dstate", dstate), strict=True)
        dxs = [branch.backward(part, input_gradient, **options) for branch, part, options in triples]
        dxs = [dx for dx in dxs if dx is not None]  # an Embedding has none, nor has anyone without input_gradient
        return sum(dxs[1:], start=dxs[0]) if dxs else None  # into new memory: a dx may be a dout that others read

    def advance(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Any, Any]:
        if isinstance(x, Padded):
            return self._opened(self.advance, x, lengths, state)
        entries = self._entries("state", state)
        x, handed = self._entered(x, lengths, None)
        triples = zip(self.branches, entries, handed, strict=True)
        pairs = [branch.advance(x, own, **options) for branch, own, options in triples]
        return self.twin()._join(x, [out for out, _ in pairs]), tuple(own for _, own in pairs)

    def output_lengths(self, lengths: Array) -> Array | None:
        first, *others = [branch.output_lengths(lengths) for branch in self._ways()]
        if any((None if first is None else [*first]) != (None if other is None else [*other]) for other in others):
            raise ValueError(f"{self.who}: the branches must leave the lengths of their rows alike")
        return first

    def _ways(self) -> Sequence[Layer]:
        """Return all that x goes through to what is joined."""
        return self.branches


class Residual(Branches):
    """A chain of layers with a way around it: out = x + f(x), or out = projection(x) + f(x).

    Parameters
    ----------
    layers : sequence of Layer
        f, in the order of the forward pass; its out has the shape of its x, unless there is a projection.
    projection : Layer or sequence of Layer, optional
        What x goes through on the way around, where f changes the shape: for example a 1 x 1 convolution.
    rng : int or numpy.random.Generator, optional
        As in `Sequential`.

    Shapes
    ------
    x as the first layer takes it; out as f gives it, and the projection too. The arrays are called `0.weights`, ...,
    `projection.0.weights`, ...

    Raises
    ------
    ValueError
        If f(x) and what is added to it differ in shape.

    References
    ----------
    He, Zhang, Ren, Sun (2015), "Deep Residual Learning for Image Recognition", arXiv:1512.03385.

    Examples
    --------
    >>> block = Residual([Dense(2, 2, initializer=constant(1.0))])
    >>> block.forward(np.array([[1.0, 2.0]]))
    array([[4., 5.]])
    >>> block = Residual([Conv2D(8, 16, 3, stride=2, padding=1), BatchNorm(16)], projection=Conv2D(8, 16, 1, stride=2))
    >>> block.output_shape((28, 28, 8))
    (14, 14, 16)
    """

    def __init__(
        self, layers: Sequence[Layer], *, projection: Layer | Sequence[Layer] | None = None, rng: Rng = None
    ) -> None:
        around = [] if projection is None else _as_list(projection)
        self._checked([*self._checked(layers), *around])  # also that no layer is in both
        for chained in (layers, around):
            follow(chained, "Residual")  # before the first of them is placed
        chain = Sequential(layers, dtype=np.float64)
        super().__init__([chain] if projection is None else [chain, _as_chain(projection)])
        if rng is not None:
            self.initialize(rng)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers of f, in order."""
        return self.branches[0].layers

    @property
    def projection(self) -> Sequential | None:
        """What x goes through on the way around."""
        return self.branches[1] if len(self.branches) > 1 else None

    def named(self) -> Iterator[tuple[str, Layer]]:
        return zip(("", "projection"), self.branches, strict=False)  # the layers of f are "0", "1", ...

    def _ways(self) -> Sequence[Layer]:
        return self.branches if self.projection is not None else [*self.branches, Identity()]

    def inside(self, *input_shapes: Shape) -> Iterator[tuple[str, Layer, tuple[Shape, ...]]]:
        yield from self.branches[0].inside(*input_shapes)
        if self.projection is not None:
            yield "projection", self.projection, input_shapes

    def wiring(self) -> Iterator[Part]:
        for part in self.branches[0].wiring():
            yield part._replace(output=False)
        around, last = "x", part.name
        if self.projection is not None:
            around = "projection"
            yield Part(around, self.projection, ("x",))
        yield Part("+", None, (around, last), output=True, join=("+", "Add"))

    def end_after(self, end: End, kind: str, place: str) -> End:
        around = end
        if self.projection is not None:
            around = self.projection.end_after(end, kind, f"{place}.projection")
        out = self.branches[0].end_after(end, kind, place)
        return around if out.size is None else out  # both have the same shape

    def _join(self, x: Array, outs: list[Array]) -> Array:
        out, around = (*outs, self._check_x(x))[:2]
        if around.shape != out.shape:
            self.forget()
            raise ValueError(f"{self.who}: {self._unequal(around.shape, out.shape)}")
        self._cache = out.shape
        return around + out

    def _unequal(self, around: Shape, out: Shape) -> str:
        if self.projection is None:
            return f"f(x) must have the shape of x, {around}, got {out}; a projection can give x another one"
        return f"f(x) must have the shape of projection(x), {around}, got {out}"

    def _split(self, dout: Array) -> list[Array]:
        # out = around + f(x): both ways get the same dout, one array for both, which every layer only reads.
        return [self._check_dout(dout, self._recall())] * len(self.branches)

    def backward(self, dout: Any, input_gradient: bool = True, *, dstate: Any = None) -> Array | None:
        # x goes two ways, so its gradient is the sum of both. A projection is a branch like f, and Branches has added
        # the two up. Without one the way around is x itself: what arrives there is dout, which is added here.
        dx = super().backward(dout, input_gradient, dstate=dstate)
        if dx is None or self.projection is not None:
            return dx
        return self._dout_at_the_door(self._check_real("dout", dout)) + dx

    def output_shape(self, input_shape: Shape) -> Shape:
        around, out = as_shape(input_shape, self), self.branches[0].output_shape(input_shape)
        if self.projection is not None:
            around = self.projection.output_shape(around)
        if out != around:
            raise ValueError(f"{self.who}: {self._unequal(around, out)}")
        return out

    def __repr__(self) -> str:
        projection = "" if self.projection is None else f", projection={listed(self.projection.layers)}"
        return f"Residual({listed(self.layers)}{projection})"


class Concatenate(Branches):
    """Branches side by side over the same x, joined on the last axis: out = [f(x) | g(x) | ...].

    Parameters
    ----------
    *branches : Layer or sequence of Layer
        Each a layer, or a list of layers that are chained; `Identity()` passes x on.
    rng : int or numpy.random.Generator, optional
        As in `Sequential`.

    Shapes
    ------
    x as each branch takes it; out (N, ..., C) with C the sum of the branches' channels, which agree in the other axes.
    The arrays are called `0.0.weights`: branch, layer in the branch, name.

    Raises
    ------
    TypeError, ValueError
        If there is no branch, one is not made of layers, or their outs differ in another axis than the last.

    References
    ----------
    Szegedy et al. (2014), "Going Deeper with Convolutions", arXiv:1409.4842: the Inception block. Huang, Liu, van der
    Maaten, Weinberger (2016), "Densely Connected Convolutional Networks", arXiv:1608.06993: x itself is a branch.

    Examples
    --------
    >>> block = Concatenate([Dense(2, 3), ReLU()], Identity())
    >>> block.forward(np.array([[1.0, 2.0]]))[:, 3:]
    array([[1., 2.]])
    >>> inception = Concatenate(Conv2D(8, 4, 1), [Conv2D(8, 2, 1), Conv2D(2, 6, 3, padding=1)], MaxPool2D(3, 1, 1))
    >>> inception.output_shape((28, 28, 8))
    (28, 28, 18)
    """

    def __init__(self, *branches: Layer | Sequence[Layer], rng: Rng = None) -> None:
        self._checked([layer for branch in branches for layer in _as_list(branch)])
        for i, branch in enumerate(branches):
            if not _as_list(branch):
                raise ValueError(f"Concatenate: each branch must hold at least one layer, got none in branch {i}")
            follow(_as_list(branch), "Concatenate", prefix=f"{i}.")
        super().__init__([_as_chain(branch) for branch in branches])
        if rng is not None:
            self.initialize(rng)

    def inside(self, *input_shapes: Shape) -> Iterator[tuple[str, Layer, tuple[Shape, ...]]]:
        for name, branch in self.named():
            yield name, branch, input_shapes

    def wiring(self) -> Iterator[Part]:
        yield Part("x")
        names = [name for name, _ in self.named()]
        for name, branch in self.named():
            yield Part(name, branch, ("x",))
        yield Part("join", None, tuple(names), output=True, join=("|", "Join"))

    def end_after(self, end: End, kind: str, place: str) -> End:
        ends = [branch.end_after(end, kind, f"{place}.{i}") for i, branch in enumerate(self.branches)]
        sizes = [each.size for each in ends if each.size is not None]
        if len(sizes) < len(ends):
            return End()
        return End(sum(sizes), any(each.grid for each in ends), f"{self.title} at {place}")

    def _join(self, x: Array, outs: list[Array]) -> Array:
        if len({out.shape[:-1] for out in outs}) > 1:
            self.forget()
            raise ValueError(f"{self.who}: {self._unequal([out.shape for out in outs])}")
        if any(out.dtype.kind == "f" for out in outs):  # beside floating numbers, integers become numbers of this layer
            outs = [out if out.dtype.kind == "f" else out.astype(self._dtype) for out in outs]
        out = np.concatenate(outs, axis=-1)
        self._cache = out.shape, np.cumsum([part.shape[-1] for part in outs])[:-1]
        return out

    def _split(self, dout: Array) -> list[Array]:
        shape, cuts = self._recall()
        return [np.ascontiguousarray(part) for part in np.split(self._check_dout(dout, shape), cuts, axis=-1)]

    @staticmethod
    def _unequal(shapes: list[Shape]) -> str:
        return f"the branches must agree in all axes but the last, got {', '.join(map(str, shapes))}"

    def output_shape(self, input_shape: Shape) -> Shape:
        shapes = [branch.output_shape(input_shape) for branch in self.branches]
        if len({shape[:-1] for shape in shapes}) > 1:
            raise ValueError(f"{self.who}: {self._unequal(shapes)}")
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    @property
    def title(self) -> str:
        return f"Concatenate of {len(self.branches)} branches"

    def __repr__(self) -> str:
        rows = (f"    {listed(branch.layers)},".replace("\n", "\n    ") for branch in self.branches)
        return "\n".join(["Concatenate(", *rows, ")"])


def _as_list(branch: Layer | Sequence[Layer]) -> list[Any]:
    """Return what a branch is made of: a layer, or a list of layers."""
    return list(branch) if isinstance(branch, list | tuple) else [branch]


def _as_chain(branch: Layer | Sequence[Layer]) -> Sequential:
    """Return a branch as a Sequential, which it may be already."""
    return branch if type(branch) is Sequential else Sequential(_as_list(branch), dtype=np.float64)
