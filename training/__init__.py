"""Where layers, losses and optimizers meet: the script of a training, written once, and what goes with it.

Which file holds what: the loop is `fit.py`, what a batch goes through before it `augmentation.py`, what it tells its
callbacks `run.py` and `record.py`; callbacks are in `callbacks.py`, those that write files in `keeping.py`, those that
act when training no longer gets better in `plateaus.py`, those that look inside a network in `diagnostics.py`; a batch
in parts is in `parallel.py`, `threads.py` and `processes.py`; what a network writes is drawn in `generation.py`; sanity
checks are in `sanity.py`, metrics in `metrics.py`, `ranking.py`, `residuals.py` and `confusion.py`, saving in
`checkpoint.py` and `archive.py`, data in `data/`. Pictures come from the package `pictures`.
"""

from pictures import plot_confusion_matrix, plot_diagnostics, plot_histories, plot_rate_range, plot_schedule

from .callbacks import Callback
from .checkpoint import load, save
from .confusion import confusion_matrix
from .data import (
    Labels,
    Standardizer,
    Vocabulary,
    adding,
    balanced_weights,
    batches,
    circles,
    digits,
    mnist,
    moons,
    one_hot,
    padded,
    read_idx,
    sine,
    spirals,
    standardize,
    train_test_split,
    windows,
    xor,
)
from .diagnostics import Diagnostics
from .fit import evaluate, fit
from .generation import generate, sample
from .history import History
from .inspection import activations as activations
from .inspection import layer_outputs, layer_slices
from .keeping import Checkpoint, CSVLogger
from .metrics import Metric, accuracy, f1, matthews, precision, recall, top_k
from .plateaus import EarlyStopping, ReduceOnPlateau
from .processes import Processes
from .ranking import best_threshold, log_loss, precision_recall_curve, roc_auc
from .residuals import mean_absolute_error, r_squared
from .run import CallbackError, Run
from .sanity import RateRange, Verdict, learning_rate_range_test, overfit_one_batch
from .threads import Threads

__all__ = [
    # the loop: fit.py
    "fit",
    "evaluate",
    # a batch in parts at the same time: threads.py, processes.py
    "Threads",
    "Processes",
    # its record, an entry for each epoch: history.py
    "History",
    # pictures, of the package pictures
    "plot_histories",
    "plot_schedule",
    "plot_rate_range",
    "plot_diagnostics",
    "plot_confusion_matrix",
    # callbacks, and what they are told: callbacks.py, run.py
    "Callback",
    "Run",
    "CallbackError",
    # callbacks that write files: keeping.py
    "Checkpoint",
    "CSVLogger",
    # callbacks that act when training no longer gets better: plateaus.py
    "EarlyStopping",
    "ReduceOnPlateau",
    # a look inside a network, while it trains or after: diagnostics.py, inspection.py
    "Diagnostics",
    "layer_outputs",
    "layer_slices",
    # sanity checks before a long training: sanity.py
    "overfit_one_batch",
    "learning_rate_range_test",
    "Verdict",
    "RateRange",
    # metrics of classes: metrics.py, confusion.py
    "accuracy",
    "top_k",
    "precision",
    "recall",
    "f1",
    "matthews",
    "confusion_matrix",
    # metrics of scores before a decision: ranking.py
    "log_loss",
    "roc_auc",
    "precision_recall_curve",
    "best_threshold",
    # metrics of numbers, and the base of all metrics: residuals.py, metrics.py
    "mean_absolute_error",
    "r_squared",
    "Metric",
    # sequences that a network writes: generation.py
    "generate",
    "sample",
    # saving a training, and going on with it: checkpoint.py
    "save",
    "load",
    # data, a batch at a time, and made ready: data/batches.py, preparation.py, scaling.py, labels.py
    "batches",
    "train_test_split",
    "standardize",
    "Standardizer",
    "one_hot",
    "Labels",
    "balanced_weights",
    "padded",
    # text as numbers: data/text.py
    "Vocabulary",
    "windows",
    # real data, embedded or read from files: data/datasets.py, data/idx_files.py
    "digits",
    "mnist",
    "read_idx",
    # data made from a seed: data/datasets.py
    "spirals",
    "moons",
    "circles",
    "xor",
    "sine",
    "adding",
]
