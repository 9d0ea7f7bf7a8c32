"""Data larger than memory: an epoch over a memory map, in a process that could not hold a tenth of it."""

import subprocess
import sys

import pytest

# RLIMIT_DATA counts what a process allocates, and not the pages of a file that it only reads: those are the system's.
EPOCH = """
import resource, sys
import numpy as np
from layers import Dense, Sequential
from losses import MeanSquaredError
from optimizers import SGD
from training import evaluate, fit

in_use = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData")) * 1024
limit = in_use + 48 * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
n_features = 4096
n = 10 * limit // (4 * n_features) + 1
x = np.memmap(sys.argv[1], np.float32, "w+", shape=(n, n_features))
x[::1000, 0] = 1.0
x.flush()
x = np.memmap(sys.argv[1], np.float32, "r", shape=(n, n_features))
assert x.nbytes >= 10 * limit
try:
    np.array(x)
except MemoryError:
    print("a copy does not fit")
y = np.zeros((n, 1), np.float32)
y[::1000] = 2.0
model = Sequential([Dense(n_features, 1, use_bias=False)], rng=0)
model.parameters[:] = 0
options = {"epochs": 1, "batch_size": 256, "rng": 0, "verbose": False, "parts": int(sys.argv[2])}
history = fit(model, MeanSquaredError(), SGD(1.0), x, y, **options)
print(history.loss[0] == 4.0 * len(y[::1000]) / n)
print(history.loss[1] <= history.loss[0], evaluate(model, MeanSquaredError(), x, y)["loss"] < history.loss[1])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_DATA and /proc are of Linux")
@pytest.mark.parametrize("parts", [1, 3])
def test_an_epoch_over_a_map_of_ten_times_what_the_process_may_have(parts, tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", EPOCH, tmp_path / "x.map", str(parts)],
        env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split("\n")[:3] == ["a copy does not fit", "True", "True True"]
