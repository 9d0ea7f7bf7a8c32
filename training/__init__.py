"""Where layers, losses and optimizers meet: the data and the loops of training."""

from .batches import batches
from .confusion import confusion_matrix, plot_confusion_matrix
from .datasets import circles, digits, moons, sine, spirals, xor
from .idx_files import mnist, read_idx
from .metrics import Metric, accuracy, f1, mean_absolute_error, precision, r_squared, recall, top_k
from .preparation import one_hot, standardize, train_test_split
