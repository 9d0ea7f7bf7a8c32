"""Who reads whom in a graph: names checked, and put in an order in which everything comes after what it reads."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .contract import Layer


class Step(NamedTuple):
    """What one layer of a graph does in a pass, its values known by their places."""

    sources: tuple[int, ...]
    place: int  # of its out
    last: tuple[int, ...]  # what it is the last to read
    before: bool  # whether anything before it has something to learn
    learns: bool  # or it itself


class Wiring(NamedTuple):
    """A graph without its layers: names, in order."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sources: dict[str, tuple[str, ...]]  # of each layer, in the order of the forward pass
    constants: dict[str, Any]  # numbers, and arrays that nobody else holds

    @property
    def names(self) -> list[str]:
        """The names of all values; where each stands is its place."""
        return [*self.inputs, *self.constants, *self.sources]

    def steps(self, learns: Sequence[bool]) -> list[Step]:
        """Return what each layer does, given whether it learns."""
        place = {name: i for i, name in enumerate(self.names)}
        read = [tuple(place[source] for source in sources) for sources in self.sources.values()]
        last = {j: i for i, sources in enumerate(read) for j in sources}  # the last node that reads a value
        kept = {place[name] for name in self.outputs}
        learning: set[int] = set()
        steps = []
        for i, (name, sources) in enumerate(zip(self.sources, read, strict=True)):
            before = not learning.isdisjoint(sources)
            if before or learns[i]:
                learning.add(place[name])
            free = tuple(j for j in set(sources) - kept if last[j] == i)
            steps.append(Step(sources, place[name], free, before, before or learns[i]))
        return steps


def wired(nodes: Any, inputs: Any = None, outputs: Any = None) -> tuple[Wiring, list[Layer]]:
    """Return the wiring of these nodes, and their layers in the order of the forward pass.

    Raises TypeError or ValueError, with the names, where there is none: see `Graph`.

    Examples
    --------
    >>> wiring, layers = wired({"f": (Multiply(), "q", "z"), "q": (Add(), "x", "y")})
    >>> wiring.inputs, list(wiring.sources), wiring.outputs, layers
    (('z', 'x', 'y'), ['q', 'f'], ('f',), [Add(), Multiply()])
    """
    layers, sources, constants = _sorted_out(nodes)
    names = [*sources, *constants]
    read = list(dict.fromkeys(name for each in sources.values() for name in each))
    free = [name for name in read if name not in nodes]
    if inputs is not None:
        free = _as_inputs(inputs, free, names)
    order = _ordered(sources)
    unread = [name for name in constants if name not in read]
    if unread:
        raise ValueError(f"Graph: each constant must be read by a node, but nobody reads {_words(unread)}")
    unread = [name for name in order if name not in read]
    given = unread if outputs is None else _as_outputs(outputs, sources, names + free)
    dead = [name for name in _not_above(given, sources) if name not in given]
    if dead:
        raise ValueError(
            f"Graph: each node must lead to an output, but {_words(dead)} {'leads' if len(dead) == 1 else 'lead'} to "
            f"none of {_words(given)}; leave it out, or name it in outputs"
        )
    wiring = Wiring(tuple(free), tuple(given), {name: sources[name] for name in order}, constants)
    return wiring, [layers[name] for name in order]


def _sorted_out(nodes: Any) -> tuple[dict[str, Layer], dict[str, tuple[str, ...]], dict[str, Any]]:
    """Return the layers, their sources and the constants, by name."""
    if not isinstance(nodes, Mapping):
        raise TypeError(
            "Graph: nodes must be a dict of name to (layer, 'source', ...), or to a number or an array, got "
            f"{type(nodes).__name__}"
        )
    layers: dict[str, Layer] = {}
    sources: dict[str, tuple[str, ...]] = {}
    constants: dict[str, Any] = {}
    for name, node in nodes.items():
        _check_name("each node", name)
        if isinstance(node, tuple | list) and node and isinstance(node[0], Layer):
            layers[name], sources[name] = node[0], _sources(name, node)
        else:
            constants[name] = _constant(name, node)
    if not layers:
        raise ValueError("Graph: nodes must hold at least one layer, got none")
    return layers, sources, constants


def _check_name(what: str, name: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"Graph: the name of {what} must be a str, got {name!r}")
    if not name or "." in name:
        raise ValueError(f"Graph: the name of {what} must be a word without a dot, got {name!r}")


def _sources(name: str, node: Sequence[Any]) -> tuple[str, ...]:
    layer, *sources = node
    for source in sources:
        if isinstance(source, Layer):
            raise TypeError(
                f"Graph: node {name!r} must name its sources, got the layer {source.title}; give that a name of its own"
            )
        if not isinstance(source, str):
            raise TypeError(
                f"Graph: node {name!r} must name its sources, got {source!r}; a number or an array gets a name of its "
                "own, as a constant"
            )
        _check_name(f"a source of {name!r}", source)
    if "parameters" in vars(layer) and layer.n_operands != len(sources):
        n = layer.n_operands
        got = f"{len(sources)}: {_words(sources)}" if sources else "none"
        raise ValueError(
            f"Graph: node {name!r} must have {n} input{'' if n == 1 else 's'}, as {layer.title} takes, got {got}"
        )
    return tuple(sources)


def _constant(name: str, value: Any) -> Any:
    """Return a constant: a number as it is, an array as a copy."""
    if isinstance(value, Layer):
        raise TypeError(
            f"Graph: node {name!r} must say where its input comes from, ({type(value).__name__}(...), 'source', ...), "
            "got the layer alone"
        )
    if isinstance(value, tuple | list) and value and isinstance(value[0], type):
        raise TypeError(
            f"Graph: node {name!r} must begin with a layer, got the class {value[0].__name__}: write its ()"
        )
    if isinstance(value, str) or (isinstance(value, tuple | list) and any(isinstance(v, str | Layer) for v in value)):
        raise TypeError(f"Graph: node {name!r} must be (layer, 'source', ...), got {value!r}")
    try:
        array = np.array(value)
    except ValueError:
        array = np.array(None)
    if array.dtype.kind not in "fiu" or array.size == 0:
        got = type(value).__name__ if array.dtype.kind == "O" else f"dtype {array.dtype}, shape {array.shape}"
        raise TypeError(
            f"Graph: node {name!r} must be (layer, 'source', ...), or a constant of real numbers, got {got}"
        )
    return value if isinstance(value, int | float) and not isinstance(value, np.generic) else array


def _as_names(what: str, names: Any) -> list[str]:
    """Return the names of inputs or outputs as a list, each once."""
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list | tuple):
        raise TypeError(f"Graph: {what}s must be a list or tuple of names, got {type(names).__name__}")
    for name in names:
        _check_name(f"each {what}", name)
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise ValueError(f"Graph: {what}s must name each once, got {_words(twice)} twice")
    return list(names)


def _as_inputs(inputs: Any, free: list[str], names: Collection[str]) -> list[str]:
    """Return the inputs in the order given, which must be those that are read and that no node has."""
    given = _as_names("input", inputs)
    for name in given:
        if name in names:
            raise ValueError(f"Graph: inputs must have names of their own, but {name!r} is a node too")
        if name not in free:
            raise ValueError(f"Graph: each input must be read by a node, but nobody reads {name!r}{_near(name, free)}")
    for name in free:
        if name not in given:
            raise ValueError(
                f"Graph: each source must be a node or an input, got {name!r}{_near(name, [*names, *given])}"
            )
    return given


def _as_outputs(outputs: Any, sources: Collection[str], known: Sequence[str]) -> list[str]:
    given = _as_names("output", outputs)
    if not given:
        raise ValueError("Graph: outputs must name at least one node, got none")
    for name in given:
        if name not in sources:
            what = "an input or a constant" if name in known else "no node"
            mend = "; pass it through an Identity()" if name in known else _near(name, sources)
            raise ValueError(f"Graph: each output must be computed by a node, but {name!r} is {what}{mend}")
    return given


def _ordered(sources: dict[str, tuple[str, ...]]) -> list[str]:
    """Return the names so that each comes after its sources, in the order given as far as that goes."""
    order: dict[str, None] = {}
    for first in sources:
        path = {first: iter(sources[first])} if first not in order else {}  # the way down to where we are
        while path:
            name = next(reversed(path))
            for source in path[name]:
                if source in path:
                    circle = [*list(path)[list(path).index(source) :], source]
                    raise ValueError(
                        f"Graph: nodes must not read in a circle, got {' <- '.join(circle)}; what comes back from a "
                        "later node must come in as an input"
                    )
                if source in sources and source not in order:
                    path[source] = iter(sources[source])
                    break
            else:
                order[name] = None
                del path[name]
    return list(order)


def _not_above(outputs: Iterable[str], sources: dict[str, tuple[str, ...]]) -> list[str]:
    """Return the nodes on which no output depends."""
    above, waiting = set(outputs), list(outputs)
    while waiting:
        for source in sources[waiting.pop()]:
            if source in sources and source not in above:
                above.add(source)
                waiting.append(source)
    return [name for name in sources if name not in above]


def _near(name: str, known: Iterable[str]) -> str:
    """Return the known name that was perhaps meant, in words."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _words(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
