"""Options that are checked at every assignment, in the constructor and after it.

The same file stands in each package that may not import another one, and a test says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any


class Option:
    """An attribute whose values pass a check: value = check(name of the class, name of the option, value), or an error.

    With optional, None passes too. `then` names a method that is called afterwards; where it raises, the old value is
    back. Without `__get__`, reading finds the value among the attributes of the object itself, and costs what it did.

    Examples
    --------
    >>> def bright(who, name, value):
    ...     if not value > 0:
    ...         raise ValueError(f"{who}: {name} must be above 0, got {value}")
    ...     return float(value)
    >>> class Lamp:
    ...     watts = Option(bright)
    >>> lamp = Lamp()
    >>> lamp.watts = -40
    Traceback (most recent call last):
    ValueError: Lamp: watts must be above 0, got -40
    """

    def __init__(self, check: Callable[[str, str, Any], Any], *, optional: bool = False, then: str = "") -> None:
        self.check, self.optional, self.then = check, optional, then

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    if TYPE_CHECKING:  # to whom a descriptor without __get__ is read as itself

        def __get__(self, thing: Any, owner: type | None = None) -> Any: ...

    def __set__(self, thing: Any, value: Any) -> None:
        kept, before = vars(thing), vars(thing).copy()
        if value is not None or not self.optional:
            value = self.check(type(thing).__name__, self.name, value)
        kept[self.name] = value
        try:
            if self.then:
                getattr(thing, self.then)()
        except BaseException:
            kept.clear()
            kept.update(before)
            raise
