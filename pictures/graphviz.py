"""A circuit as text for Graphviz, for those who have it; nothing here needs it."""

from __future__ import annotations

from collections.abc import Sequence

from .circuit import Record, checked, flattened, in_words
from .style import check_flag


def dot_of(records: Sequence[Record], *, opened: bool = False) -> str:
    """Return the circuit in the language of Graphviz, for those who have it.

    Parameters
    ----------
    records : sequence of dict
        As `plot_circuit` takes them.
    opened : bool, default False
        Write what is inside of containers in their place.

    Examples
    --------
    >>> print(dot_of(formula("x * y").trace(x=2, y=3).records()))
    digraph {
        rankdir=LR
        "x" [label="x", shape=plaintext]
        "y" [label="y", shape=plaintext]
        "*1" [label="*", shape=circle]
        "x" -> "*1" [label="2\\n3"]
        "y" -> "*1" [label="3\\n2"]
    }
    """
    opened = check_flag("dot_of", "opened", opened)
    records = [*flattened(checked("dot_of", records))] if opened else [*checked("dot_of", records)]
    quoted = {record["name"]: _quoted(record["name"]) for record in records}
    shapes = {"input": "plaintext", "constant": "plaintext", "gate": "circle"}
    lines = [
        f"    {quoted[each['name']]} [label={_quoted(str(each['sign']))}, shape={shapes.get(each['kind'], 'box')}]"
        for each in records
    ]
    by_name = {record["name"]: record for record in records}
    for record in records:
        for source in record["sources"]:
            numbers = [in_words(by_name[source][of]) for of in ("value", "gradient")]
            label = "\n".join(numbers) if any(numbers) else ""
            lines.append(
                f"    {quoted[source]} -> {quoted[record['name']]}" + (f" [label={_quoted(label)}]" if label else "")
            )
    return "\n".join(["digraph {", "    rankdir=LR", *lines, "}"])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
