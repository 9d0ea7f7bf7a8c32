"""Which way a number of a training is better."""

from __future__ import annotations

# Which way is better, by how the name of a number ends: "min" of the first three kinds, "max" of the others, with
# "validation_" in front or without. A number of another name is compared once its mode is given.
BETTER = {
    "loss": "min",
    "error": "min",
    "perplexity": "min",
    "accuracy": "max",
    "precision": "max",
    "recall": "max",
    "f1": "max",
    "auc": "max",
    "matthews": "max",
    "r_squared": "max",
    "score": "max",
}


def better(name: str, mode: str | None = None, who: str = "") -> str:
    """Return "min" or "max", whichever is better for the number of this name: the mode, or what its ending says.

    `who` asks, for the errors.

    Examples
    --------
    >>> from training.direction import better
    >>> better("validation_loss"), better("top_5_accuracy"), better("kappa", mode="max")
    ('min', 'max', 'max')
    """
    who = f"{who}: " if who else ""
    if mode is not None and not (isinstance(mode, str) and mode in ("min", "max")):
        raise ValueError(f"{who}mode must be 'min' or 'max', got {mode!r}")
    if not isinstance(name, str):
        raise TypeError(f"{who}monitor must be the name of a number in the history, got {name!r}")
    if mode is not None:
        return mode
    for ending, way in BETTER.items():
        if name.endswith(ending):
            return way
    raise ValueError(f"{who}mode must be 'min' or 'max' for {name!r}, whose name does not say which is better")
