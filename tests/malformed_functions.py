"""Malformed calls of the public functions, and of the classes that stand in no table of the other tests.

Each entry of `GOOD` is a call that works. One of its arguments is then replaced by something that its type excludes,
as in `malformed`, which says what must come. A public name without an entry fails a test: new ones are drawn too.
"""

import inspect
import os
import tempfile
from pathlib import Path

import numpy as np
from malformed import FLAGS, NEVER, NUMBERS, Call, bad_arrays, malformed, types_in

import layers
import pictures
import training
from layers import Dense, Graph, Layer, Multiply, Noise, Padded, ReLU, Sequential
from losses import Loss, SoftmaxCrossEntropy
from optimizers import SGD, CosineDecay, ExponentialMovingAverage, Optimizer
from optimizers.options import Option
from training import History

FOLDER = Path(tempfile.gettempdir()) / f"malformed-{os.getpid()}"  # of files that are asked for, made by the test


def chain(rng=0):
    return Sequential([Dense(4, 5), ReLU(), Dense(5, 3)], dtype=np.float64, rng=rng)


def writer():
    return Sequential([layers.Embedding(5, 4), layers.GRU(4, 4), Dense(4, 5)], rng=0)


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape)


def classes(n=6):
    return np.arange(n) % 3


def trained():
    return History({"epoch": [0, 1], "loss": [2.0, 1.0], "learning_rate": [0.1, 0.1]})


def fitted():
    return training.Standardizer().fit(numbers(6, 4))


def averaged():
    ema = ExponentialMovingAverage(0.9)
    ema.update(chain())
    return ema


def entered(ema, model):
    with ema.applied(model):
        pass


def diagnosed():
    seen = training.Diagnostics(every=1, verbose=False)
    learning = chain(), SoftmaxCrossEntropy(), SGD(0.1), numbers(6, 4), classes()
    training.fit(*learning, epochs=1, callbacks=[seen], verbose=False)
    return seen


DIAGNOSED = diagnosed()
LEARNING = {"model": chain, "loss": SoftmaxCrossEntropy, "optimizer": lambda: SGD(0.1)}
DATA = {"x": lambda: numbers(6, 4), "y": classes}
SCORES = {"predictions": lambda: numbers(6, 3), "y": classes}
REAL = {"predictions": lambda: numbers(6, 2), "y": lambda: numbers(6, 2)[::-1]}
CHANCES = {"predictions": lambda: np.full((6, 3), 1 / 3), "y": classes}
SINGLE = {"predictions": lambda: numbers(6), "y": lambda: classes() % 2}
SEVERAL = {"predictions": lambda: numbers(6, 2), "y": lambda: np.eye(2, dtype=int)[classes() % 2]}
SEEDED = {"rng": lambda: 0}

# what is called, and for each argument a function that makes a good one
GOOD = [
    (training.fit, {**LEARNING, **DATA, "epochs": lambda: 1, "batch_size": lambda: 4, "drop_last": lambda: False,
                    "sample_weights": lambda: np.ones(6), "validation": lambda: (numbers(6, 4), classes()),
                    "metrics": lambda: (), "callbacks": lambda: [], "shuffle": lambda: True, "verbose": lambda: False,
                    "measure_first": lambda: True, "transform": lambda: lambda x, y, rng: (x, y),
                    "progress": lambda: False, "parts": lambda: 1, "resume": lambda: False, **SEEDED}),
    (training.fit, {**LEARNING, **DATA, "epochs": lambda: 1, "verbose": lambda: False,
                    "checkpoint": lambda: FOLDER / "fit.npz"}),
    (training.evaluate, {"model": chain, "loss": SoftmaxCrossEntropy, **DATA, "batch_size": lambda: 4,
                         "sample_weights": lambda: np.ones(6), "metrics": lambda: (), "parts": lambda: 1}),
    (training.Threads, {"k": lambda: 2, "blas_threads": lambda: 1}),
    (History, {"columns": lambda: {"loss": [1.0]}, "unit": lambda: "nats"}),
    (pictures.plot_history, {"history": trained, "log": lambda: False}),
    (training.plot_histories, {"histories": lambda: {"one": trained()}, "log": lambda: False}),
    (training.plot_schedule, {"schedule": lambda: CosineDecay(0.1, 10), "n_steps": lambda: 10, "log": lambda: False}),
    (training.plot_rate_range, {"found": lambda: training.RateRange(True, "", [1.0, 0.5], [0.1, 0.2], [1.0, 0.5])}),
    (training.plot_diagnostics, {"diagnostics": lambda: DIAGNOSED}),
    (training.plot_confusion_matrix, {"matrix": lambda: np.eye(3, dtype=int), "names": lambda: ["a", "b", "c"]}),
    (pictures.plot_circuit, {"records": lambda: Graph({"f": (Multiply(), "x", "y")}).records(), "opened": lambda: False,
                             "title": lambda: "title"}),
    (pictures.svg_of, {"records": lambda: Graph({"f": (Multiply(), "x", "y")}).records(), "opened": lambda: False,
                       "title": lambda: "title"}),
    (pictures.page_of, {"records": lambda: Graph({"f": (Multiply(), "x", "y")}).records(), "opened": lambda: False,
                        "title": lambda: "title"}),
    (pictures.write_page, {"path": lambda: FOLDER / "page.html", "title": lambda: "title", "opened": lambda: False,
                           "records": lambda: Graph({"f": (Multiply(), "x", "y")}).records()}),
    (pictures.dot_of, {"records": lambda: Graph({"f": (Multiply(), "x", "y")}).records()}),
    (training.Checkpoint, {"path": lambda: FOLDER / "checkpoint.npz", "every": lambda: 1, "keep_best": lambda: True,
                           "monitor": lambda: "loss", "mode": lambda: "min"}),
    (training.CSVLogger, {"path": lambda: FOLDER / "rows.csv"}),
    (training.EarlyStopping, {"monitor": lambda: "loss", "patience": lambda: 2, "improvement": lambda: 0.0,
                              "mode": lambda: "min", "restore_best": lambda: True}),
    (training.ReduceOnPlateau, {"monitor": lambda: "loss", "factor": lambda: 0.5, "minimum": lambda: 0.0,
                                "patience": lambda: 2, "improvement": lambda: 0.0, "mode": lambda: "min"}),
    (training.Diagnostics, {"every": lambda: 1, "verbose": lambda: False}),
    (training.layer_outputs, {"model": chain, "x": lambda: numbers(6, 4)}),
    (training.layer_slices, {"model": chain}),
    (training.overfit_one_batch, {**LEARNING, **DATA, "steps": lambda: 2, "target": lambda: 0.05}),
    (training.learning_rate_range_test, {**LEARNING, **DATA, "low": lambda: 1e-3, "high": lambda: 1.0,
                                         "steps": lambda: 50, "batch_size": lambda: 4, **SEEDED}),
    (training.accuracy, SCORES), (training.top_k(2), SCORES), (training.precision, SCORES), (training.recall, SCORES),
    (training.f1, SCORES), (training.matthews, SCORES), (training.log_loss, CHANCES), (training.roc_auc, SCORES),
    (training.precision_recall_curve, SINGLE), (training.best_threshold, SINGLE),
    (training.f1.of_labels(), SEVERAL), (training.Labels, {"y": classes}), (training.balanced_weights, {"y": classes}),
    (training.Standardizer, {}),
    (training.r_squared, REAL), (training.mean_absolute_error, REAL),
    (training.confusion_matrix, {**SCORES}),
    (training.confusion_matrix, {"predictions": lambda: numbers(6), "y": lambda: classes() % 2,
                                 "threshold": lambda: 0.5}),
    (training.top_k, {"k": lambda: 2}), (training.Metric, {"name": lambda: "name"}),
    (training.save, {"path": lambda: FOLDER / "saved.npz", "model": chain, "optimizer": lambda: SGD(0.1),
                     "history": trained, "callbacks": lambda: [], "rng": lambda: np.random.default_rng(0),
                     "parts": lambda: 2}),
    (training.load, {"path": lambda: FOLDER / "loaded.npz", "model": chain, "optimizer": lambda: SGD(0.1),
                     "callbacks": lambda: [], "best": lambda: False, "rng": lambda: np.random.default_rng(0)}),
    (training.batches, {**DATA, "batch_size": lambda: 2, "drop_last": lambda: False, "shuffle": lambda: True,
                        **SEEDED}),
    (training.batches, {"x": lambda: Padded(numbers(6, 4), [4, 3, 1, 2, 2, 4]), "y": classes, "batch_size": lambda: 2,
                        "by_length": lambda: True}),
    (training.padded, {"rows": lambda: [numbers(3, 2), numbers(1, 2)]}),
    (training.Vocabulary, {"text": lambda: "a text"}),
    (training.windows, {"tokens": lambda: np.arange(9), "n_steps": lambda: 4, "batch_size": lambda: 2,
                        "n_batches": lambda: 2, **SEEDED}),
    (training.train_test_split, {**DATA, "test_size": lambda: 0.5, "stratify": lambda: True, **SEEDED}),
    (training.standardize, {"x_train": lambda: numbers(6, 4), "others": lambda: numbers(5, 4)}),
    (training.one_hot, {"y": classes, "n_classes": lambda: 3, "dtype": lambda: np.float32}),
    (training.mnist, {"directory": lambda: FOLDER}), (training.read_idx, {"path": lambda: FOLDER / "images"}),
    (training.spirals, {"n_per_class": lambda: 2, "n_classes": lambda: 2, "noise": lambda: 0.1, **SEEDED}),
    (training.moons, {"n_per_class": lambda: 2, "noise": lambda: 0.1, **SEEDED}),
    (training.circles, {"n_per_class": lambda: 2, "noise": lambda: 0.1, **SEEDED}),
    (training.xor, {"n": lambda: 8, "noise": lambda: 0.1, **SEEDED}),
    (training.sine, {"n": lambda: 8, "noise": lambda: 0.1, **SEEDED}),
    (training.adding, {"n": lambda: 8, "n_steps": lambda: 6, **SEEDED}),
    (layers.formula, {"text": lambda: "x + y"}),
    (Graph, {"nodes": lambda: {"f": (Multiply(), "x", "y")}, "inputs": lambda: ["x", "y"], "outputs": lambda: ["f"],
             "keep": lambda: False, "dtype": lambda: np.float64, **SEEDED}),
    (Padded, {"x": lambda: numbers(2, 3, 4), "lengths": lambda: np.array([3, 2])}),
    (layers.normal, {"standard_deviation": lambda: 0.5}), (layers.constant, {"value": lambda: 0.5}),
    (layers.softmax, {"x": lambda: numbers(2, 3), "axis": lambda: -1}),
    (layers.log_softmax, {"x": lambda: numbers(2, 3), "axis": lambda: -1}),
    (layers.sigmoid, {"x": lambda: numbers(2, 3)}),
    (Noise, SEEDED),
    (layers.check_gradients, {"layer": lambda: Dense(4, 3), "inputs": lambda: numbers(2, 4),
                              "tolerance": lambda: 1e-5, "directions": lambda: 1, "randomize": lambda: True, **SEEDED}),
    (layers.check_gradients, {"layer": chain, "inputs": lambda: numbers(6, 4), "loss": SoftmaxCrossEntropy,
                              "y": classes}),
    (training.sample, {"logits": lambda: numbers(2, 5), "temperature": lambda: 0.5, "top_k": lambda: 3,
                       "top_p": lambda: 0.9, **SEEDED}),
    (training.generate, {"model": writer, "prompt": lambda: np.array([[0, 1], [2, 3]]), "n": lambda: 2,
                         "temperature": lambda: 0.5, "top_k": lambda: 3, "top_p": lambda: 0.9, "stop": lambda: 1,
                         "window": lambda: 4, **SEEDED}),
    (ExponentialMovingAverage, {"decay": lambda: 0.9, "bias_correction": lambda: False, "warm_up": lambda: False}),
]  # fmt: skip

# methods: a function that makes the object, the method, its arguments
METHODS = [
    (lambda: training.Vocabulary("abc"), "encode", {"text": lambda: "cab"}),
    (lambda: training.Vocabulary("abc"), "decode", {"numbers": lambda: np.array([2, 0, 1])}),
    (trained, "append", {"record": lambda: {"loss": 1.0}}),
    (trained, "row", {"index": lambda: 0}),
    (trained, "best", {"name": lambda: "loss", "mode": lambda: "min"}),
    (trained, "to_csv", {"path": lambda: FOLDER / "history.csv"}),
    (trained, "plot", {"log": lambda: False}),
    (training.Standardizer, "fit", {"x": lambda: numbers(6, 4)}),
    (fitted, "transform", {"x": lambda: numbers(6, 4)}),
    (fitted, "invert", {"x": lambda: numbers(6, 4)}),
    (lambda: training.Labels(classes()), "encode", {"y": classes}),
    (lambda: training.Labels(classes()), "decode", {"classes": classes}),
    (lambda: DIAGNOSED, "describe", {"name": lambda: "0"}),
    (averaged, "update", {"model": chain}),
    (averaged, "load_state_dict", {"state": lambda: averaged().state_dict()}),
    (lambda: training.EarlyStopping("loss"), "load_state_dict",
     {"state": lambda: training.EarlyStopping("loss").state_dict()}),
    (lambda: training.ReduceOnPlateau("loss"), "load_state_dict",
     {"state": lambda: training.ReduceOnPlateau("loss").state_dict()}),
    (Noise, "place", {"step": lambda: 1, "row": lambda: 2}),
    (Noise, "draw", {"shape": lambda: (2, 3), "dtype": lambda: np.float64}),
]  # fmt: skip

# what the types of the arguments exclude, where their docstring speaks of objects and not of numbers
OBJECTS = {**NEVER, **NUMBERS, **FLAGS, "zero": 0, "list": [object()], "a layer's class": Dense}
PATHS = {name: value for name, value in {**NEVER, **NUMBERS, **FLAGS, "zero": 0, "list": ["a"], "empty": "",
         "a null": "a\0b"}.items() if name not in ("text", "bytes", "a class")}  # fmt: skip


def excluded(name, kind, good):
    """Return {words: value} of what cannot stand for this good argument."""
    kind = kind.lower()
    if isinstance(good, np.ndarray):
        bad = dict(bad_arrays(good))
        if name in ("y", "lengths", "sample_weights") and len(good) > 1:
            bad |= {"shorter": good[:-1], "one number": 1.0, "nan": np.full(good.shape, np.nan)}
            bad |= {"below": -7 - good} if good.dtype.kind == "i" or name == "sample_weights" else {}
        if name in ("x", "predictions") and good.ndim == 2:
            bad |= {"shorter": good[:-1], "empty": good[:0], "nan": good * np.nan}
            bad |= {"infinite": np.copysign(np.inf, good), "one number": 1.0, "a row": good[0]}
        if "optional" in kind or name in ("sample_weights",):
            bad.pop("none", None)
        return bad
    if isinstance(good, os.PathLike):
        return {words: value for words, value in PATHS.items() if words != "none" or "optional" not in kind}
    if isinstance(good, Layer | Loss | Optimizer | History | training.RateRange | training.Diagnostics):
        bad = {**OBJECTS, "another kind of object": SGD(0.1) if isinstance(good, Layer | Loss) else chain()}
        if "optional" in kind:
            bad.pop("none")
        return bad
    if isinstance(good, np.random.Generator):
        return {words: value for words, value in {**OBJECTS, "a seed": 3}.items() if words != "none"}
    if name in ("metrics", "callbacks", "validation", "names", "inputs", "outputs", "schedule", "histories", "columns",
                "record", "state", "nodes", "records"):  # fmt: skip
        bad = {words: value for words, value in OBJECTS.items() if words not in ACCEPTED.get(name, ())}
        if "optional" in kind:
            bad.pop("none", None)
        return bad
    if name in ("text", "name", "title", "unit", "monitor"):
        bad = {**NEVER, **NUMBERS, **FLAGS, "zero": 0}
        bad.pop("text")
    elif name == "shape":
        bad = {**NEVER, **NUMBERS, "minus": (-1,), "half": (1.5,), "flag": (True,)}
    elif name == "dtype":
        bad = malformed("dtype", "floating dtype")
    elif name == "index":
        bad = {**NEVER, **NUMBERS, **FLAGS, "half": 0.5, "beyond": 99}
    elif name == "axis":
        bad = {**NEVER, **NUMBERS, **FLAGS, "half": 0.5, "beyond": 7}
    elif name in ("step", "row", "n", "k"):
        bad = {**malformed("n_", "int"), **({} if name in ("step", "row") else {"minus two": -2})}
        if name in ("step", "row"):
            bad.pop("zero")
    else:
        bad = malformed(name, kind)
    if "optional" in kind or "where there is" in kind:
        bad.pop("none", None)
    return bad


ACCEPTED = {  # what among OBJECTS is one
    "metrics": {"a class", "a layer's class"},  # can be called; what it returns is looked at, and refused then
    "names": {"text"},
}


CUT = {"complex", "texts", "dates", "objects", "records", "nan", "below", "infinite"}  # nothing is computed there
PASSES = {"shorter", "empty", "nan", "one number", "a row"}  # of a function of each number, or of each row
FITS = {  # (who, argument): what is no mistake there
    ("batches", "x"): CUT, ("batches", "y"): CUT, ("train_test_split", "x"): CUT, ("train_test_split", "y"): CUT,
    ("layer_outputs", "x"): {"shorter", "nan", "infinite"}, ("sigmoid", "x"): PASSES | {"infinite"},
    ("softmax", "x"): PASSES, ("log_softmax", "x"): PASSES,
    ("Labels", "y"): {"texts", "shorter", "below"}, ("balanced_weights", "y"): {"shorter"},
    ("Standardizer", "x"): {"shorter", "a row", "empty", "nan", "infinite"},
    ("one_hot", "y"): {"shorter"}, ("one_hot", "dtype"): {"int"},
    ("padded", "rows"): {"ragged"}, ("History", "record"): {"dict"},
}  # fmt: skip


def _call(thing, arguments):
    """Return what thing returns, its arguments by position where it takes no other."""
    positional, named = [], {}
    for name, parameter in inspect.signature(thing).parameters.items():
        if name in arguments:
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
                positional.append(arguments[name])
            elif parameter.kind == parameter.KEYWORD_ONLY:
                named[name] = arguments[name]
            else:
                positional.append(arguments[name]) if not named else named.update({name: arguments[name]})
    given = thing(*positional, **named)
    return list(given) if inspect.isgenerator(given) else given


def _types(thing):
    return types_in(thing if isinstance(thing, type) or inspect.isroutine(thing) else type(thing))


def written():
    """Write the files that the calls read."""
    FOLDER.mkdir(exist_ok=True)
    training.save(FOLDER / "loaded.npz", chain(), optimizer=SGD(0.1), history=trained(), rng=np.random.default_rng(0))
    for name, shape in {"images": (2,), "train-images-idx3-ubyte": (2, 28, 28), "train-labels-idx1-ubyte": (2,),
                        "t10k-images-idx3-ubyte": (2, 28, 28), "t10k-labels-idx1-ubyte": (2,)}.items():  # fmt: skip
        sizes = b"".join(n.to_bytes(4, "big") for n in shape)
        (FOLDER / name).write_bytes(bytes([0, 0, 8, len(shape)]) + sizes + bytes(int(np.prod(shape))))


def good_calls():
    """Yield (name, call) of all that should work."""
    for thing, arguments in GOOD:
        given = {name: make() for name, make in arguments.items()}
        yield getattr(thing, "__name__", repr(thing)), lambda thing=thing, given=given: _call(thing, given)
    for make, method, arguments in METHODS:
        given = {name: one() for name, one in arguments.items()}
        called = getattr(make(), method)
        yield f"{type(make()).__name__}.{method}", lambda called=called, given=given: _call(called, given)


def function_calls(pairs=0):
    """Yield every malformed call of GOOD and METHODS, each with an object of its own.

    With pairs, as many more calls of each, in which two arguments or more are malformed.
    """
    rng = np.random.default_rng(0)
    for thing, arguments in GOOD:
        who = getattr(thing, "__name__", type(thing).__name__)
        yield from _each(who, lambda thing=thing: thing, arguments, _types(thing))
        yield from _several(who, thing, arguments, _types(thing), pairs, rng)
        yield from _assigned(who, thing, arguments)
    for make, method, arguments in METHODS:
        who = type(make()).__name__
        yield from _each(who, lambda make=make, method=method: getattr(make(), method), arguments,
                         _types(getattr(type(make()), method)), method)  # fmt: skip


def _each(who, made, arguments, types, method=""):
    for name, make in arguments.items():
        for words, value in excluded(name, types.get(name, ""), make()).items():
            if words in FITS.get((who, name), ()):
                continue
            given = {each: one() for each, one in arguments.items()} | {name: value}
            called = made()
            watched = [*_watched(given), *([called.__self__] if inspect.ismethod(called) else [])]
            where = f"{name} of {method}" if method else name
            yield Call(who, where, words, lambda called=called, given=given: _call(called, given), watched)


def _several(who, thing, arguments, types, n, rng):
    bad = {}
    for name, make in arguments.items():
        found = excluded(name, types.get(name, ""), make()).items()
        fit = {"shorter", "one number", *FITS.get((who, name), ())}  # several arrays may be shorter together
        bad[name] = [value for words, value in found if words not in fit]
    names = [name for name, values in bad.items() if values]
    for _ in range(n if len(names) > 1 else 0):
        chosen = rng.choice(names, size=rng.integers(2, len(names) + 1), replace=False)
        wrong = {name: bad[name][rng.integers(len(bad[name]))] for name in chosen}
        given = {each: one() for each, one in arguments.items()} | wrong
        yield Call(who, ", ".join(chosen), "malformed", lambda given=given: _call(thing, given), _watched(given))


def _watched(given):
    return [each for each in given.values() if isinstance(each, Layer | Loss | Optimizer | History | np.ndarray)]


def _assigned(who, kind, arguments):
    """Yield assignments of the options that a class checks."""
    for name in arguments if isinstance(kind, type) else ():
        if isinstance(inspect.getattr_static(kind, name, None), Option):
            for words, value in excluded(name, types_in(kind).get(name, ""), arguments[name]()).items():
                thing = kind(**{each: one() for each, one in arguments.items()})
                put = lambda thing=thing, name=name, value=value: setattr(thing, name, value)  # noqa: E731
                yield Call(who, f"{name} (assigned)", words, put, [thing])
