"""Where layers, losses and optimizers meet: the script of a training, written once, and what goes with it."""

from .batches import batches
from .callbacks import Callback, Checkpoint
from .checkpoint import load, save
from .confusion import confusion_matrix, plot_confusion_matrix
from .datasets import circles, digits, moons, sine, spirals, xor
from .diagnostic_plots import plot_diagnostics, plot_rate_range
from .diagnostics import Diagnostics
from .fit import evaluate, fit
from .history import History
from .idx_files import mnist, read_idx
from .inspection import activations, layer_slices
from .metrics import Metric, accuracy, f1, mean_absolute_error, precision, r_squared, recall, top_k
from .plateaus import EarlyStopping, ReduceOnPlateau
from .plots import plot_histories, plot_schedule
from .preparation import one_hot, standardize, train_test_split
from .rites import RateRange, Verdict, learning_rate_range_test, overfit_one_batch
from .run import CallbackError, Run
