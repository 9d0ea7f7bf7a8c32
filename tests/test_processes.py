"""The parts of a batch in processes: bit for bit those in turn, on every rank; and no process waits for ever.

The scenarios are in `in_processes.py`, each run by a real mpiexec, with one thread for each product.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mpi4py", reason='left out: no mpi4py, pip install -e ".[parallel]" mpich')
HERE = Path(__file__).parent
BESIDE = Path(sys.executable).parent / "mpiexec"
MPIEXEC = str(BESIDE) if BESIDE.exists() else shutil.which("mpiexec")
pytestmark = pytest.mark.skipif(MPIEXEC is None, reason="left out: no mpiexec, pip install mpich")


def command(name, folder, n, **changed):
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "OPENBLAS_NUM_THREADS": "1", **changed}
    return {
        "args": [
            MPIEXEC,
            "-n",
            str(n),
            sys.executable,
            "-W",
            "error",
            str(HERE / "in_processes.py"),
            name,
            str(folder),
        ],
        "env": {key: value for key, value in environment.items() if value is not None},
        "encoding": "utf-8",
    }


def ran(name, folder, n=2, **changed):
    """Return exit status, what was printed, what went to stderr, and what each process has found."""
    done = subprocess.run(**command(name, folder, n, **changed), capture_output=True, timeout=120, check=False)
    files = [folder / f"{rank}.json" for rank in range(n)]
    found = [json.loads(file.read_text()) for file in files if file.exists()]
    return done.returncode, done.stdout, done.stderr, found


def found(name, folder, n=2, **changed):
    code, out, errors, results = ran(name, folder, n, **changed)
    assert code == 0, out + errors
    assert errors == ""
    assert len(results) == n
    return results


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_processes_give_the_bits_of_parts_in_turn_on_every_rank(n, tmp_path):
    first, *others = found("equal", tmp_path, n)
    assert [seed for seed, same, _ in first if not same] == []
    assert len(first) == (40 if n == 2 else 20)
    for other in others:
        assert other == first  # histories, parameters, gradients, losses, predictions, noise


def test_all_that_a_training_has_is_the_same(tmp_path):
    first, *others = found("all_of_it", tmp_path, 3)
    assert first["same"]
    assert others == [first, first]  # seconds too
    assert 1 < len(first["what"][0]["loss"]) <= 13


def test_parts_in_which_nothing_counts_and_noise_of_attention(tmp_path):
    assert found("nothing_counts", tmp_path, 3) == [True, True, True]


def test_diagnostics_are_printed_once(tmp_path):
    code, out, _, _ = ran("looked_into", tmp_path, 3)
    assert code == 0
    lines = [line for line in out.splitlines() if line.startswith("diagnostics:")]
    assert lines
    assert len(lines) == len(set(lines))


def test_what_is_said_at_an_exit_is_said_once(tmp_path):
    code, _, errors, results = ran("leaves", tmp_path, 3)
    assert code != 0
    assert results == []
    assert errors.count("no more room") == 1


def test_no_example_is_seen_twice_and_none_is_lost(tmp_path):
    seen = found("shares", tmp_path, 3)
    assert [[len(rows) for rows in each] for each in seen] == [[3, 3, 3], [3, 3, 2], [2, 2, 2]]
    assert sorted(row for each in seen for rows in each for row in rows) == list(range(23))


def test_files_are_those_of_process_0_and_a_resume_goes_on_bit_for_bit(tmp_path):
    first, *others = found("written", tmp_path, 3)
    assert first["files"] == ["kept.best.npz", "kept.npz", "run.npz"]
    assert [other["files"] for other in others] == [[], []]
    assert all(each["same"] and each["epochs"] == [0, 1, 2, 3, 4] for each in (first, *others))
    assert (tmp_path / "noted").read_text() == "3 parts"


def test_what_fails_in_one_process_fails_in_all_and_all_can_go_on(tmp_path):
    first, *others = found("errors", tmp_path, 3)
    wanted = {
        "callback": ("CallbackError", "callback Fails failed in on_batch_begin, epoch 2: KeyError: 'lost'"),
        "unpicklable": ("CallbackError", "Unpicklable: 1 and 2"),
        "forward": ("ZeroDivisionError", "in forward"),
        "backward": ("MemoryError", "in backward"),
        "loss": ("ZeroDivisionError", "division by zero"),
        "data": ("OSError", "the disk is broken"),
        "nan": ("ValueError", "fit: x must be finite, but is not in epoch 2, batch 1, row 0"),
        "another batch": ("RuntimeError", "process 2 has been given another one than process 0 in a step"),
        "another order": ("RuntimeError", "process 1 has been given another one than process 0 in a measurement"),
        "elsewhere": ("RuntimeError", "process 0 is at a step, process 2 at a measurement"),
        "parameters": ("RuntimeError", "after epoch 2 those of process 2 are not those of process 0"),
        "the end": ("CallbackError", "callback AtTheEnd failed in on_train_end, epoch 3: ValueError: too late"),
        "checkpoint": ("FileNotFoundError", "fit: checkpoint must be in a directory that exists"),
        "all": ("ValueError", "fit: epochs must be at least 1, got 0"),
        "model": ("ValueError", "layer"),
        "evaluate": ("ValueError", "y must hold classes 0 .. 2, got 3 .. 5"),
        "duck": ("TypeError", "Processes: model must be a Layer"),
    }
    for each in (first, *others):
        assert {name for name in each if not name.startswith("after ")} == set(wanted)
        for name, (kind, text) in wanted.items():
            assert each[name] is not None, name
            kinds = {kind, "CallbackError"} if name == "elsewhere" else {kind}  # it comes up in a callback there
            assert each[name][0] in kinds, (name, each[name])
            assert text in each[name][1], (name, each[name])
            assert each[f"after {name}"] == first["after callback"]
    assert first["callback"][2] == 2  # epochs 0 and 1, on the error of every process


def test_ctrl_c_and_stop_in_one_process_end_all_at_the_same_step(tmp_path):
    first, *others = found("stopped", tmp_path, 3)
    assert others == [first, first]
    pressed, _, stopped, _ = first
    assert pressed == [0, 1]
    assert stopped == [0, 1, 2]


def test_ctrl_c_at_the_terminal_ends_all(tmp_path):
    version = subprocess.run([MPIEXEC, "--version"], capture_output=True, text=True, check=False).stdout
    restored = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731  # a shell may ignore it
    running = subprocess.Popen(**command("long", tmp_path, 2), stdout=subprocess.PIPE, preexec_fn=restored)
    while not running.stdout.readline().startswith("epoch "):
        pass
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=60)
    if "Open MPI" in version:  # whose mpiexec does not hand it on, but ends the processes
        assert running.returncode != 0
        return
    assert running.returncode == 0, out
    assert len(re.findall("stopped by Ctrl-C in epoch", out)) == 1
    one, other = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert one == other


def test_a_callback_may_measure(tmp_path):
    first, *others = found("inside", tmp_path, 2)
    assert first[0]
    assert others == [first]
    assert len(first[1][2]) == 3


def test_predictions_are_shared_a_batch_each(tmp_path):
    for each in found("predicted", tmp_path, 3):
        assert len(each) == 20
        assert all(each)


def test_what_does_not_fit_is_refused_in_clear_words(tmp_path):
    comm = "TypeError: Processes: comm must be a communicator of mpi4py, such as MPI.COMM_WORLD, got "
    first, null, number, none, word, empty, scalar = found("refused", tmp_path, 1)[0]
    assert first == f"{comm}'world'"
    assert null.startswith(f"{comm}<mpi4py")
    assert number == f"{comm}4"
    assert none == "ValueError: Processes: blas_threads must be at least 1, got 0"
    assert word == "TypeError: Processes: blas_threads must be a whole number, got 'two'"
    assert empty == "ValueError: Processes: batch_size must be at least 1, got 0"
    assert scalar == "TypeError: Processes: a batch must be made of arrays to be cut in parts, got float"


def test_part_of_the_processes_has_a_communicator_of_its_own(tmp_path):
    results = found("of_two", tmp_path, 3)
    assert [each[0] for each in results] == [2, 1, 2]
    assert [each[1] for each in results] == [
        f"Processes(<process {rank} of {n}>, blas_threads=1)" for rank, n in [(0, 2), (0, 1), (1, 2)]
    ]
    assert all(each[2] for each in results)


def test_threads_of_blas_are_shared_unless_the_environment_says_otherwise(tmp_path):
    before, told, shared, after = found("threads", tmp_path, 2, OPENBLAS_NUM_THREADS=None)[0]
    assert before == after
    assert set(told) == {1}
    assert set(shared) == {max(1, len(os.sched_getaffinity(0)) // 2)}
    told, shared = found("threads", tmp_path, 2, OPENBLAS_NUM_THREADS="2")[0][1:3]
    assert (set(told), set(shared)) == ({1}, {2})


@pytest.mark.parametrize(("name", "rank"), [("uncaught", 2), ("everywhere", 0)])
def test_an_error_that_ends_the_script_is_printed_once(name, rank, tmp_path):
    code, _, errors, results = ran(name, tmp_path, 3)
    assert code != 0
    assert results == []
    assert errors.count("CallbackError: ") == 1
    assert errors.startswith(f"process {rank} of 3:\nTraceback")


def test_an_error_outside_of_a_training_ends_all(tmp_path):
    code, _, errors, results = ran("script", tmp_path, 3)
    assert code != 0
    assert results == []
    assert errors.count("ZeroDivisionError: before anything") == 1


def test_nobody_waits_for_a_process_that_has_left(tmp_path):
    code, _, errors, _ = ran("gone", tmp_path, 3)
    assert code != 0
    assert errors.count("process 2 at the end of the script") == 1


@pytest.mark.parametrize("name", ["killed", "twice"])
def test_a_process_that_is_killed_or_torn_ends_all(name, tmp_path):
    code, _, _, results = ran(name, tmp_path, 3)
    assert code != 0
    assert results == []
