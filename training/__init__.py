"""Where layers, losses and optimizers meet: the script of a training, written once, and what goes with it."""

from pictures.diagnostics import plot_diagnostics, plot_rate_range
from pictures.histories import plot_histories, plot_schedule

from .callbacks import Callback, Checkpoint
from .checkpoint import load, save
from .confusion import confusion_matrix, plot_confusion_matrix
from .data.batches import batches
from .data.datasets import circles, digits, moons, sine, spirals, xor
from .data.idx_files import mnist, read_idx
from .data.preparation import one_hot, standardize, train_test_split
from .diagnostics import Diagnostics
from .fit import evaluate, fit
from .history import History
from .inspection import activations, layer_outputs, layer_slices
from .metrics import Metric, accuracy, f1, mean_absolute_error, precision, r_squared, recall, top_k
from .plateaus import EarlyStopping, ReduceOnPlateau
from .run import CallbackError, Run
from .sanity import RateRange, Verdict, learning_rate_range_test, overfit_one_batch
