"""The text of a script that trains, as somebody would write it who is to go on with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise

from .problems import Problem
from .wording import WIDTH, plain

RATES = {  # the rules that are offered, and learning rates to begin with
    "Adam": 0.003,
    "AdamW": 0.003,
    "NAdam": 0.003,
    "SGD": 0.05,
    "RMSprop": 0.001,
    "Adagrad": 0.03,
    "Adadelta": 1.0,
    "Lion": 0.0003,
}
SEAL = "# As it was written, and python -m training may replace it: "


@dataclass(frozen=True)
class Settings:
    """The numbers of a training."""

    sizes: tuple[int, ...]  # of the layers, from x to the last
    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    validation: float
    seed: int
    directory: str | None = None  # of MNIST, as Python writes it


def script_of(problem: Problem, settings: Settings, name: str) -> str:
    """Return the text of the script of this name, sealed: see `is_sealed`."""
    parts = [
        _docstring(problem, settings, name),
        _imports(problem, settings),
        _constants(problem, settings),
        [*problem.loading, *_split(problem)],
        _network(problem, settings),
        _training(problem),
        _result(problem),
    ]
    return sealed("\n\n".join("\n".join(part) for part in parts) + "\n")


def sealed(text: str) -> str:
    """Return a text with a last line that says what it is.

    Examples
    --------
    >>> from training.first_try.script import is_sealed, sealed
    >>> text = sealed("print(1)\\n")
    >>> is_sealed(text), is_sealed(text.replace("1", "2", 1)), is_sealed("print(1)\\n")
    (True, False, False)
    """
    return f"{text}\n{SEAL}{_digest(text)}\n"


def is_sealed(text: str) -> bool:
    """Return whether a script is as it was written: nobody has changed a letter of it since."""
    body, found, digest = text.rpartition(f"\n{SEAL}")
    return bool(found) and digest == f"{_digest(body)}\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


# ---- its parts -------------------------------------------------------------------------------------------------------


def _docstring(problem: Problem, settings: Settings, name: str) -> list[str]:
    name = plain(name)
    stem = name.removesuffix(".py")
    return [
        f'"""Train a network {problem.subject}.',
        "",
        f"    python {name}",
        "",
        f"prints a line for each epoch, and how good the network is on {problem.data} that it has not seen.",
        f"Beside this file it leaves the curves of the training, {stem}.png, and the trained network, {stem}.npz.",
        "Written by `python -m training`, to be read and changed: the numbers that are tried first stand at the top.",
        '"""',
    ]


def _imports(problem: Problem, settings: Settings) -> list[str]:
    layers = {"Dense", "Sequential"}
    if len(settings.sizes) > 2 and not problem.steps:
        layers.add("ReLU")
    if problem.steps:
        layers |= {"LSTM", "LastStep"}
    used = {*problem.uses, "evaluate", "fit", "save", "train_test_split"}
    used.add("accuracy" if problem.classes else "mean_absolute_error")
    lines = [
        *(f"import {module}" for module in problem.modules),
        "from pathlib import Path",
        "",
        "import numpy as np",
        "",
    ]
    sources = {
        "layers": layers,
        "losses": {"SoftmaxCrossEntropy" if problem.classes else "MeanSquaredError"},
        "optimizers": {settings.optimizer},
        "training": used,
    }
    for package, names in sources.items():
        # in the order of the linter: CONSTANTS, Classes, functions
        order = sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
        line = f"from {package} import {', '.join(order)}"
        long = [f"from {package} import (", *(f"    {name}," for name in order), ")"]
        lines += [line] if len(line) <= WIDTH else long
    return lines


def _constants(problem: Problem, settings: Settings) -> list[str]:
    lines = ["SCRIPT = Path(__file__).resolve()"]
    if settings.directory is not None:
        lines.append(f"DIRECTORY = {settings.directory}  # of the four files of MNIST")
    return [
        *lines,
        *problem.constants,
        f"EPOCHS = {settings.epochs}",
        f"BATCH_SIZE = {settings.batch_size}",
        f"LEARNING_RATE = {settings.learning_rate!r}",
        f"VALIDATION = {settings.validation!r}  # the share of the {problem.data} that training does not see",
        f"SEED = {settings.seed}  # another one: other first weights, another order, other {problem.data} held out",
    ]


def _split(problem: Problem) -> list[str]:
    stratify = ", stratify=True" if problem.classes else ""
    parts = "x_train, x_new, y_train, y_new"
    lines = ["", f"{parts} = train_test_split(x, y, VALIDATION{stratify}, rng=SEED)"]
    if problem.standardized:
        lines += [
            "",
            "# All features on one scale, that of the rows to train on: of the others nothing may be known beforehand.",
            "scale = Standardizer().fit(x_train)",
            "x_train, x_new = scale.transform(x_train), scale.transform(x_new)",
        ]
        if not problem.classes:
            lines += [
                "target_scale = Standardizer().fit(y_train)  # target_scale.invert makes predictions of its outs",
                "y_train, y_new = target_scale.transform(y_train), target_scale.transform(y_new)",
            ]
    return lines


def _network(problem: Problem, settings: Settings) -> list[str]:
    sizes = settings.sizes
    pairs = list(pairwise(sizes))
    if problem.steps:
        layers = [*(f"LSTM({n}, {m})" for n, m in pairs[:-1]), "LastStep()", f"Dense({sizes[-2]}, {sizes[-1]})"]
    else:
        layers = [text for n, m in pairs for text in (f"Dense({n}, {m})", "ReLU()")][:-1]
    line, list_ = f"model = Sequential([{', '.join(layers)}], rng=SEED)", f"    [{', '.join(layers)}],"
    long = [list_] if len(list_) <= WIDTH else ["    [", *(f"        {layer}," for layer in layers), "    ],"]
    lines = [line] if len(line) <= WIDTH else ["model = Sequential(", *long, "    rng=SEED,", ")"]
    momentum = ", momentum=0.9" if settings.optimizer == "SGD" else ""
    if problem.classes:
        comment = "# The network puts out a score for each class, from which the loss makes probabilities."
    else:
        comment = "# The network puts out a number, and the loss is the square of what it is wrong by."
    return [
        comment,
        *lines,
        f"loss = {'SoftmaxCrossEntropy' if problem.classes else 'MeanSquaredError'}()",
        f"optimizer = {settings.optimizer}(LEARNING_RATE{momentum})",
        f"print(model.summary({problem.shape!r}))",
    ]


def _training(problem: Problem) -> list[str]:
    metric = "accuracy" if problem.classes else "mean_absolute_error"
    arguments = ["model", "loss", "optimizer", "x_train", "y_train", "epochs=EPOCHS", "batch_size=BATCH_SIZE"]
    arguments += ["validation=(x_new, y_new)", f"metrics={metric}", "rng=SEED"]
    return ["history = fit(", *(f"    {argument}," for argument in arguments), ")"]


def _result(problem: Problem) -> list[str]:
    seen = [("", "x_new", "y_new"), *([("of the test set, ", "x_test", "y_test")] if problem.test else [])]
    lines = [f"# How good is it on {problem.data} that it has not seen, and how good would a guess be?"]
    for name, x, y in seen:
        lines += _measured(problem, name, x, y)
    if problem.target and problem.classes:
        lines += ["predictions, answers = labels.decode(model.predict(x_new)), labels.decode(y_new)"]
    elif problem.target:
        lines += [
            "predictions, answers = (target_scale.invert(y.astype(float)) for y in (model.predict(x_new), y_new))"
        ]
    if problem.target:
        form = "" if problem.classes else ".item():.6g"
        lines += [
            "for predicted, true in zip(predictions[:5], answers[:5], strict=True):",
            f'    print(f"predicted {{predicted{form}}}, was {{true{form}}}")',
        ]
    return [
        *lines,
        "",
        'picture, weights = SCRIPT.with_suffix(".png"), SCRIPT.with_suffix(".npz")',
        "history.plot(log=True).savefig(picture, dpi=120)",
        "save(weights, model, optimizer=optimizer, history=history)",
        'print(f"curves saved to {picture}\\nnetwork saved to {weights}")',
    ]


def _measured(problem: Problem, name: str, x: str, y: str) -> list[str]:
    """Return the lines that measure the network on some data, and what knows nothing but y_train."""
    if problem.classes:
        return [
            f'right = evaluate(model, loss, {x}, {y}, metrics=accuracy)["accuracy"]',
            f"guess = np.mean({y} == np.bincount(y_train).argmax())  # what is right if all are called alike",
            f'print(f"{name}{{right:.1%}} of {{len({y}):,}} {problem.data} are right, by guessing {{guess:.1%}}")',
        ]
    unit = " * target_scale.deviation.item()" if problem.standardized else ""
    return [
        f"found = evaluate(model, loss, {x}, {y}, metrics=mean_absolute_error)",
        f'error = found["mean_absolute_error"]{unit}',
        f"guess = np.abs({y} - np.median(y_train)).mean(){unit}  # of one number for all",
        f'print(f"{name}{{len({y}):,}} {problem.data}: wrong by {{error:.4g}} on average, {{guess:.4g}} by guessing")',
    ]
