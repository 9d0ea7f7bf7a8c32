"""How a container is drawn: as a picture, as a page, as text; the one place here that knows the package `pictures`."""

from __future__ import annotations

from typing import Any


class Drawn:
    """The part of a container that shows what it is made of, and what flows through it."""

    def trace(self, /, *inputs: Any, **named: Any) -> Any:
        """Return the values and gradients of one pass."""
        raise NotImplementedError

    def records(self) -> list[dict[str, Any]]:
        """Return what there is to draw."""
        raise NotImplementedError

    def plot(self, /, *inputs: Any, opened: bool = False, **named: Any) -> Any:
        """Draw the layers as a circuit and return the matplotlib figure: the value above each wire, the gradient below.

        With inputs, as `forward` takes them, they are traced first. Without, there is what a Graph kept, or the
        structure alone. `opened=True` draws what is inside of the containers in here.

        Examples
        --------
        >>> figure = formula("(x + y) * z").plot(x=-2, y=5, z=-4)
        >>> figure.savefig("circuit.png")
        """
        from pictures import plot_circuit

        return plot_circuit(self._seen(inputs, named), opened=opened)

    def dot(self, /, *inputs: Any, opened: bool = False, **named: Any) -> str:
        """Return the circuit that `plot` draws as text for Graphviz."""
        from pictures import dot_of

        return dot_of(self._seen(inputs, named), opened=opened)

    def html(self, path: Any, /, *inputs: Any, opened: bool = False, **named: Any) -> None:
        """Write the circuit as a page of its own, on which its run goes step by step, by buttons and arrow keys.

        Each step lights one gate and writes its formula with its numbers: forward what it makes of what comes in,
        backward the chain rule. The file needs no network. Inputs as in `plot`.

        Parameters
        ----------
        path : path of a file

        Examples
        --------
        >>> formula("(x + y) * z").html("circuit.html", x=-2, y=5, z=-4)
        """
        from pictures import write_page

        me: Any = self
        records = self._seen(inputs, named)
        text = next((each["label"] for each in records if each["output"] and each["label"]), str(me.title))
        write_page(path, records, opened=opened, title=text)

    def _repr_html_(self) -> str:
        """Return the drawing: what a notebook shows of this object."""
        from pictures import svg_of

        me: Any = self
        return svg_of(self.records(), title=str(me.title))

    def _seen(self, inputs: tuple[Any, ...], named: dict[str, Any]) -> list[dict[str, Any]]:
        return self.trace(*inputs, **named).records() if inputs or named else self.records()
