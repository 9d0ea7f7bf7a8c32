"""The speed of a training step in one process and in several, against PyTorch's DistributedDataParallel (gloo).

    python -m pip install -e ".[bench,parallel]" mpich
    python benchmarks/parallel.py                     one process and two, ten minutes
    python benchmarks/parallel.py --processes 2 4     where there are more cores
    python benchmarks/parallel.py --only c --rounds 3

A step is what `fit` does with a batch: cutting it out of the data, forward, loss, backward, the sum over the
processes, SGD. "strong": the batch stays as it is and is shared; "weak": each process has as many rows as one had.
Every contestant is a whole command, begun anew in each round, all in turn; what is printed are medians over the rounds,
and ratios are medians of those of the same round. "sum" is the share of a step in which the gradients are added up.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from cnn import CASES as NETWORKS
from cnn import Network
from cnn import network as convolutional

ROOT = Path(__file__).resolve().parent.parent
STEPS, EPOCHS = 12, 4  # of which the first epoch does not count


@dataclass(frozen=True)
class Dense:
    """A dense network."""

    name: str
    sizes: tuple[int, ...]
    batch: int

    @property
    def image(self) -> tuple[int, ...]:
        """The shape of an example."""
        return self.sizes[:1]


DENSE = [Dense("mnist", (784, 128, 10), 128), Dense("million", (784, 640, 640, 128, 10), 512)]
CASES: dict[str, Any] = {case.name: case for case in (*DENSE, *(n for n in NETWORKS if n.name in "cd"))}


def data(case: Any, batch: int) -> tuple[Any, Any]:
    """Return x, y of an epoch of STEPS batches."""
    rng = np.random.default_rng(0)
    n = STEPS * batch
    return rng.random((n, *case.image), np.float32), rng.integers(10, size=n)


def handgrad(case: Any, batch: int, n: int, kind: str) -> tuple[float, float]:
    """Return the seconds of a step, and the share of the sum in it."""
    from layers import Dense as Layer
    from layers import ReLU, Sequential
    from losses import SoftmaxCrossEntropy
    from optimizers import SGD
    from training import Processes, Threads, fit

    if isinstance(case, Network):
        model = convolutional(case)
    else:
        rows = [row for sizes in pairwise(case.sizes) for row in (Layer(*sizes), ReLU())]
        model = Sequential(rows[:-1], rng=0)
    parts: Any = Processes() if kind == "processes" else Threads(n, blas_threads=1) if kind == "threads" else 1
    spent = [0.0]
    if kind == "processes":
        add = parts._sum

        def timed(*arguments: Any) -> Any:
            start = time.perf_counter()
            total = add(*arguments)
            spent[0] += time.perf_counter() - start
            return total

        parts._sum = timed
    x, y = data(case, batch)
    options = {"epochs": EPOCHS, "batch_size": batch, "rng": 0, "verbose": False, "parts": parts}
    sums = []
    history = fit(
        model, SoftmaxCrossEntropy(), SGD(0.01), x, y, callbacks=[lambda run: sums.append(spent[0])], **options
    )
    seconds = statistics.median(history.seconds[2:])
    return seconds / STEPS, (sums[-1] - sums[0]) / (EPOCHS - 1) / seconds


def pytorch(case: Any, batch: int, n: int, kind: str) -> tuple[float, float]:
    """Return the seconds of a step, in the better of the two memory layouts."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    rank = int(os.environ.get("RANK", "0"))
    rows: list[Any] = []
    if isinstance(case, Network):
        convolutions = case.convolutions()
        for what, *_ in case.rows:
            if what == "conv":
                n_inputs, n_outputs, kernel_size, padding = next(convolutions)
                rows += [nn.Conv2d(n_inputs, n_outputs, kernel_size, padding=padding), nn.ReLU()]
            else:
                rows += [nn.MaxPool2d(2)]
        rows += [nn.Flatten()]
    x, y = (torch.from_numpy(array) for array in data(case, batch))
    if isinstance(case, Network):
        x = x.permute(0, 3, 1, 2)  # channels last in memory, as here
    sizes = (nn.Sequential(*rows)(x[:1]).shape[1], *case.sizes) if rows else case.sizes
    for pair in pairwise(sizes):
        rows += [nn.Linear(*pair), nn.ReLU()]
    model: Any = nn.Sequential(*rows[:-1])
    if isinstance(case, Network):
        model = model.to(memory_format=torch.channels_last)
    if kind == "ddp":
        torch.distributed.init_process_group("gloo", rank=rank, world_size=n)
        model = nn.parallel.DistributedDataParallel(model)
    loss, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.01)
    share, times = batch // n, []
    for _ in range(EPOCHS):
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
        start = time.perf_counter()
        for rows_of_batch in order.split(batch):
            own = rows_of_batch[rank * share : (rank + 1) * share]
            optimizer.zero_grad()
            loss(model(x[own]), y[own]).backward()
            optimizer.step()
        times.append(time.perf_counter() - start)
    if kind == "ddp":
        torch.distributed.destroy_process_group()
    return statistics.median(times[1:]) / STEPS, 0.0


def run(kind: str, case: str, batch: int, n: int, port: int) -> tuple[float, float] | None:
    """Run a contestant as a command; return what it says, None where a library is missing."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    if kind == "blas":
        environment |= {"OPENBLAS_NUM_THREADS": str(n), "OMP_NUM_THREADS": str(n)}
    command = [sys.executable, __file__, "--worker", kind, case, str(batch), str(n)]
    if kind == "processes":
        beside = Path(sys.executable).parent / "mpiexec"
        command = [str(beside) if beside.exists() else shutil.which("mpiexec") or "mpiexec", "-n", str(n), *command]
    ranks = range(n if kind == "ddp" else 1)
    there = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)} if kind == "ddp" else {}
    begun = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**environment, **there, "RANK": str(rank)})
        for rank in ranks
    ]
    outs = [process.communicate()[0] for process in begun]
    if any(process.returncode for process in begun):
        raise SystemExit(f"{kind} ended with exit status {[process.returncode for process in begun]}")
    if outs[0].startswith("missing"):
        return None
    seconds, share = outs[0].split()[:2]
    return float(seconds), float(share)


def compared(name: str, scaling: str, n: int, rounds: int) -> None:
    """Print how one process and n of them compare."""
    case = CASES[name]
    batch = case.batch if scaling == "strong" else case.batch * n
    contestants = {
        "one": ("one", case.batch, 1),
        f"{n} processes": ("processes", batch, n),
        f"{n} BLAS threads": ("blas", batch, n),
        f"Threads({n})": ("threads", batch, n),
        "pytorch": ("pytorch", case.batch, 1),
        f"{n} of DDP": ("ddp", batch, n),
    }
    found: dict[str, list[tuple[float, float]]] = {key: [] for key in contestants}
    for i in range(rounds):
        for key, (kind, rows, k) in contestants.items():
            told = run(kind, name, rows, k, 29500 + 17 * i + n)
            if told is not None:
                found[key].append(told)
    times = {key: [seconds for seconds, _ in values] for key, values in found.items() if values}
    more = n if scaling == "weak" else 1  # rows for each that one process had
    print(f"\n{name}, {scaling} scaling, batch {batch}")
    for key, values in times.items():
        alone = times["pytorch" if key in ("pytorch", f"{n} of DDP") else "one"]
        faster = statistics.median(
            more * a / b if values is not alone else 1 for a, b in zip(alone, values, strict=True)
        )
        share = statistics.median(share for _, share in found[key])
        note = f"   sum {share:.1%} of the step" if share else ""
        print(
            f"  {key:<16}{1e3 * statistics.median(values):>9.2f} ms   {faster:>5.2f} times one process{note}",
            flush=True,
        )


if __name__ == "__main__":
    if "--worker" in sys.argv:
        kind, name, batch, n = sys.argv[sys.argv.index("--worker") + 1 :]
        measure = pytorch if kind in ("pytorch", "ddp") else handgrad
        try:
            seconds, share = measure(CASES[name], int(batch), int(n), kind)
        except ImportError as error:
            print("missing", error)
            raise SystemExit from None
        if os.environ.get("PMI_RANK", os.environ.get("OMPI_COMM_WORLD_RANK", "0")) == "0":
            print(seconds, share, flush=True)
    else:
        parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--processes", type=int, nargs="+", default=[2])
        parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES))
        parser.add_argument("--scaling", nargs="+", choices=["strong", "weak"], default=["strong", "weak"])
        parser.add_argument("--rounds", type=int, default=5)
        arguments = parser.parse_args()
        for name in arguments.only:
            for scaling in arguments.scaling:
                for n in arguments.processes:
                    compared(name, scaling, n, arguments.rounds)
