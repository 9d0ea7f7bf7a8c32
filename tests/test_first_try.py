"""`python -m training`: what it writes runs by itself and says the same, and what is typed wrongly is answered."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from layers import Dense, ReLU, Sequential
from training import load
from training.first_try import main
from training.first_try.problems import KNOWN
from training.first_try.script import RATES

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
SHORT = ("--epochs", "1")


def command(folder, *arguments):
    """Run Python with these arguments in a folder, warnings as errors."""
    whole = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(whole, cwd=folder, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=100)


def table(folder, name="flats.csv", n=60):
    """Write a small table of numbers, words, and a target of each kind."""
    rng = np.random.default_rng(0)
    towns = np.array(["Bonn", "Köln", "Ulm"])[rng.integers(3, size=n)]
    sizes = rng.uniform(20, 100, n)
    rents = 10 * sizes + 200 * (towns == "Köln") + rng.normal(0, 20, n)
    kinds = np.where(rents > 700, "dear", "cheap")
    rows = [f"{s:.1f},{t},{r:.2f},{k}" for s, t, r, k in zip(sizes, towns, rents, kinds, strict=True)]
    (folder / name).write_text("\n".join(["size,town,rent,kind", *rows]) + "\n", encoding="utf-8")
    return folder / name


@pytest.fixture
def say(tmp_path, monkeypatch, capsys):
    """Return a function that does what the command does, in an empty folder: (code, what it printed, errors)."""
    monkeypatch.chdir(tmp_path)

    def say(*arguments):
        code = main(arguments)
        return code, *capsys.readouterr()

    return say


def written(monkeypatch):
    """Let scripts be written and not run."""
    monkeypatch.setattr("training.first_try.command._run", lambda script: 0)


def numbers_of(text):
    """Return the lines of a training, without the seconds."""
    lines = [re.sub(r" +[\d.]+ s$", "", line) for line in text.splitlines()]
    return lines[next(i for i, line in enumerate(lines) if line.startswith("   layer")) :]


# ---- what it leaves --------------------------------------------------------------------------------------------------


CLASSES = pytest.param(("flats.csv", "--target", "kind"), marks=pytest.mark.slow)


@pytest.mark.parametrize("arguments", [("flats.csv", "--target", "rent"), CLASSES])
def test_the_script_runs_by_itself_and_says_the_same(tmp_path, arguments):
    table(tmp_path)
    first = command(tmp_path, "-m", "training", *arguments, "--epochs", "2")
    assert (first.returncode, first.stderr) == (0, "")
    (script,) = tmp_path.glob("train_*.py")
    results = [script.with_suffix(".png"), script.with_suffix(".npz")]
    assert all(f"saved to {path}" in first.stdout for path in results)
    for path in results:
        path.unlink()
    second = command(tmp_path / "..", str(script))  # from elsewhere, the results lie beside the script
    assert (second.returncode, second.stderr) == (0, "")
    assert numbers_of(second.stdout) == numbers_of(first.stdout)[:-2]  # the last says how to run it again
    assert first.stdout.endswith(f"\nchange {script.name} and run it again: python {script}\n")
    assert results[0].read_bytes().startswith(b"\x89PNG")
    assert results[1].exists()


def test_the_network_that_it_leaves_can_be_loaded(say, tmp_path, monkeypatch):
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: None)
    assert say("moons", *SHORT, "--hidden", "5")[0] == 0
    model = Sequential([Dense(2, 5), ReLU(), Dense(5, 2)])
    assert load(tmp_path / "train_moons.npz", model).epoch == [0, 1]


@pytest.mark.parametrize("name", [name for name in KNOWN if name not in ("mnist", "moons")])
def test_every_data_set_has_a_script_that_runs(say, tmp_path, monkeypatch, name):
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: None)  # half a second each
    code, out, errors = say(name, *SHORT)
    assert (code, errors) == (0, "")
    problem = KNOWN[name]
    assert re.search(r"by guessing", out)
    assert f"{round(0.2 * problem.n_examples):,} {problem.data}" in out


@pytest.mark.parametrize("size", [1e300, 1.0, 1e-300])
def test_numbers_may_be_of_any_size(say, tmp_path, monkeypatch, size):
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: None)
    x = np.linspace(0.1, 1, 60)
    rows = [f"{size * a!r},{size * (3 - 2 * a)!r}" for a in x.tolist()]
    (tmp_path / "line.csv").write_text("\n".join(["x,y", *rows]))
    code, out, errors = say("line.csv", "--target", "y", "--epochs", "40")
    assert (code, errors) == (0, "")
    wrong, guess = (
        float(number) for number in re.search(r"wrong by (\S+) on average, (\S+) by guessing", out).groups()
    )
    assert wrong < guess / 4
    for predicted, true in re.findall(r"predicted (\S+), was (\S+)", out):
        assert abs(float(predicted) / size - float(true) / size) < 0.5


@pytest.mark.parametrize(("arguments", "better_than"), [(("digits", "--layers", "64,32,10", "--epochs", "20"), 95.0)])
def test_the_first_try_of_the_readme_reads_the_digits(say, monkeypatch, arguments, better_than):
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: None)
    assert f"\n    python -m training {' '.join(arguments)}\n" in (ROOT / "README.md").read_text(encoding="utf-8")
    _, out, _ = say(*arguments)
    assert float(re.search(r"([\d.]+)% of 359 images are right", out)[1]) > better_than


def test_mnist_is_read_from_its_files(say, tmp_path, monkeypatch):
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: None)
    rng = np.random.default_rng(0)
    for name, n in (("train", 100), ("t10k", 20)):
        images, labels = rng.integers(0, 256, (n, 28, 28), np.uint8), (np.arange(n) % 10).astype(np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes([0, 0, 8, array.ndim]) + b"".join(length.to_bytes(4, "big") for length in array.shape)
            (tmp_path / f"{name}-{kind}-ubyte").write_bytes(head + array.tobytes())
    code, out, errors = say("mnist", "--data", str(tmp_path), *SHORT)
    assert (code, errors) == (0, "")
    assert "of the test set, " in out


def test_a_table_is_found_from_wherever_the_script_is_run(say, tmp_path, monkeypatch):
    written(monkeypatch)
    (tmp_path / "data").mkdir()
    table(tmp_path / "data")
    say("data/flats.csv", "--target", "rent")
    assert '\nFILE = SCRIPT.parent / "data" / "flats.csv"\n' in (tmp_path / "train_flats.py").read_text(
        encoding="utf-8"
    )
    (tmp_path / "scripts").mkdir()
    say("data/flats.csv", "--target", "rent", "--output", "scripts/rent")
    path = repr(str(tmp_path / "data" / "flats.csv")).replace("'", '"')
    assert f"\nFILE = Path({path})\n" in (tmp_path / "scripts" / "rent.py").read_text(encoding="utf-8")


VARIANTS = [
    *((name,) for name in KNOWN if name != "mnist"),
    ("mnist", "--data", "."),
    ("digits", "--hidden", ",".join(["64"] * 12), "--optimizer", "lion"),
    ("digits", "--layers", "64,10", "--optimizer", "SGD"),
    ("adding", "--hidden", "16,16"),
    ("flats.csv", "--target", "rent"),
    ("flats.csv", "--target", "kind", "--optimizer", "adamw"),
    ("flats.csv", "--target", "rent", "--leave-out", "town", "--leave-out", "kind"),
    ("flats.csv", "--target", "kind", "--leave-out", "size", "--leave-out", "rent"),
    ("lacking.csv", "--target", "rent", "--missing", "drop"),
    ("lacking.csv", "--target", "kind", "--missing", "drop", "--leave-out", "town"),
    ("lacking.csv", "--target", "kind", "--missing", "drop", "--leave-out", "size", "--leave-out", "rent"),
    ("wide.csv", "--target", "c1"),
]


@pytest.mark.skipif(importlib.util.find_spec("ruff") is None, reason="ruff is not installed")
def test_every_script_is_clean_and_formatted(say, tmp_path, monkeypatch):
    written(monkeypatch)
    monkeypatch.setattr("training.first_try.command.mnist", lambda directory: None)  # the files need not be there
    table(tmp_path)
    lacking = table(tmp_path, "lacking.csv")
    lacking.write_text(lacking.read_text(encoding="utf-8") + ",Ulm,3,dear\n3,,3,dear\n3,Ulm,NA,dear\n3,Ulm,3,\n")
    words = [f"w{k} of some length" for k in range(15)]
    rows = [",".join([*(str(i * k) for k in range(40)), words[i % 15], words[-i % 15]]) for i in range(30)]
    (tmp_path / "wide.csv").write_text("\n".join([",".join(f"c{k}" for k in range(42)), *rows]))
    for i, variant in enumerate(VARIANTS):
        code, _, errors = say(*variant, "--output", f"script_{i}")
        assert (code, errors) == (0, "")
    settings = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    ours = ["--config", f"src = [{str(ROOT)!r}]"]  # the order of imports, as in the house
    for job in (["check", *settings, *ours], ["format", "--diff", *settings]):
        done = command(tmp_path, "-m", "ruff", *job, ".")
        assert done.returncode == 0, done.stdout


# ---- what is not overwritten -----------------------------------------------------------------------------------------


def test_a_script_is_replaced_until_somebody_changes_it(say, tmp_path, monkeypatch):
    written(monkeypatch)
    assert say("moons")[0] == 0
    assert say("moons", "--epochs", "7")[0] == 0
    script = tmp_path / "train_moons.py"
    changed = script.read_text(encoding="utf-8").replace("EPOCHS = 7", "EPOCHS = 8")
    script.write_text(changed, encoding="utf-8")
    code, _, errors = say("moons")
    assert code == 2
    assert "train_moons.py is there and was changed, or is of others: choose another --output, or --overwrite" in errors
    assert script.read_text(encoding="utf-8") == changed
    assert say("moons", "--output", "other")[0] == 0
    assert say("moons", "--overwrite")[0] == 0
    assert "EPOCHS = 8" not in script.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["train_moons.py", "train_moons.png", "train_moons.npz"])
def test_what_others_have_left_is_not_replaced(say, tmp_path, monkeypatch, name):
    written(monkeypatch)
    (tmp_path / name).write_bytes(b"mine \xff")
    code, _, errors = say("moons")
    assert (code, name in errors, "--overwrite" in errors) == (2, True, True)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"mine \xff"
    assert say("moons", "--overwrite")[0] == 0


# ---- what is typed wrongly -------------------------------------------------------------------------------------------

WRONG = {
    "nothing": ((), "the following arguments are required: DATA"),
    "no such data": (
        ("digist",),
        "DATA must be a CSV file or a data set, but there is no 'digist': did you mean digits?",
    ),
    "nothing like it": (("nowhere.csv",), "there is no 'nowhere.csv'; the data sets are digits, spirals, "),
    "a directory": ((".",), "DATA must be a file, got the directory ."),
    "an option mistyped": (("digits", "--epoch", "3"), "there is no option --epoch: did you mean --epochs?"),
    "no such option": (("digits", "--gpu"), "there is no option --gpu\n"),
    "an option without its value": (("digits", "--epochs"), "argument --epochs: expected one argument"),
    "no epochs": (
        ("digits", "--epochs", "0"),
        "--epochs: must be a whole number from 1 to 1,000,000, got '0'",
    ),
    "half an epoch": (("digits", "--epochs", "1.5"), "must be a whole number from 1 to 1,000,000, got '1.5'"),
    "a batch of words": (
        ("digits", "--batch-size", "all"),
        "argument --batch-size: must be a whole number from 1 to",
    ),
    "a rate of 0": (("digits", "--learning-rate", "0"), "argument --learning-rate: must be a number above 0, got '0'"),
    "a rate of nan": (("digits", "--learning-rate", "nan"), "must be a number above 0, got 'nan'"),
    "a share of all": (("digits", "--validation", "1"), "must be a share between 0 and 1, got '1'"),
    "a seed below 0": (("digits", "--seed=-1"), "argument --seed: must be a whole number from 0 on, got '-1'"),
    "an optimizer of others": (("digits", "--optimizer", "adamm"), "must be one of Adam, AdamW, NAdam, SGD, "),
    "sizes of words": (("digits", "--layers", "64,ten"), "must be whole numbers with commas between, such as 64,32,10"),
    "one size": (("digits", "--layers", "64"), "--layers must have at least two sizes"),
    "sizes of others": (
        ("digits", "--layers", "32,10"),
        "must begin with 64, .* end with 10, .* got 32,10: --layers 64,32,10",
    ),
    "sizes twice": (("digits", "--layers", "64,10", "--hidden", "3"), "give one of them"),
    "no step in a sequence": (("adding", "--layers", "2,1"), "--layers must begin with 2"),
    "a target of digits": (("digits", "--target", "y"), "--target is for a CSV file, and digits is a data set"),
    "mnist from nowhere": (("mnist",), "mnist needs --data DIRECTORY"),
    "mnist from an empty directory": (
        ("mnist", "--data", "."),
        "mnist: the directory . must hold train-images-idx3-ubyte",
    ),
    "files of digits": (("digits", "--data", "."), "--data is for mnist alone"),
    "a separator of two": (("flats.csv", "--target", "rent", "--separator", "::"), "or one character, got '::'"),
    "a task of others": (
        ("flats.csv", "--target", "rent", "--task", "rank"),
        "argument --task: invalid choice: 'rank'",
    ),
    "a script in the way": (
        ("moons", "--output", "training.py"),
        "must not be training.py: Python would take it for the mod",
    ),
    "a script in the way of Python": (("moons", "--output", "csv"), "must not be csv.py"),
    "no script": (("moons", "--output", "moons.txt"), "must be the name of a script, moons.py, got 'moons.txt'"),
    "a script in nowhere": (("moons", "--output", "nowhere/moons.py"), "--output must be in a directory that exists"),
    "a directory for a script": (("moons", "--output", "."), "--output must be a file, got '.'"),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG.values(), ids=WRONG)
def test_what_is_typed_wrongly_is_answered_in_a_line(say, tmp_path, arguments, said):
    table(tmp_path)
    code, out, errors = say(*arguments)
    assert (code, out) == (2, "")
    assert re.search(said.replace("?", "[?]"), errors), errors
    assert errors.startswith("error: ")
    assert len(errors.splitlines()) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["flats.csv"]


@pytest.mark.parametrize("rule", RATES)
def test_every_optimizer_is_one(rule):
    import optimizers

    assert getattr(optimizers, rule)(RATES[rule]).learning_rate == RATES[rule]


def test_help_names_every_data_set_and_shows_a_use_of_each_kind(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    out = capsys.readouterr().out
    assert end.value.code == 0
    assert all(name in out for name in KNOWN)
    assert "python -m training digits --layers 64,32,10 --epochs 20" in out
    assert "--target species" in out
    assert max(map(len, out.splitlines())) <= 120


# ---- what goes wrong while it runs -----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
def test_a_training_that_diverges_ends_in_a_line(say):
    code, _, errors = say("sine", *SHORT, "--optimizer", "SGD", "--learning-rate", "1e30")
    assert code == 1
    assert re.fullmatch(r"error: .*train_sine\.py, line \d+: FloatingPointError: .*\n", errors)


# As `python -m training` from a terminal: whoever starts the tests in the background lets them ignore Ctrl-C.
FROM_A_TERMINAL = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("training", run_name="__main__")
"""


def test_ctrl_c_ends_the_training_and_keeps_what_there_is(tmp_path):
    arguments = [sys.executable, "-c", FROM_A_TERMINAL, "moons", "--epochs", "100000"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    with subprocess.Popen(arguments, cwd=tmp_path, env=ENVIRONMENT, **pipes) as run:
        try:
            lines = []
            while not (lines and lines[-1].startswith("epoch      2")):
                lines.append(run.stdout.readline())
                assert lines[-1], lines
            run.send_signal(signal.SIGINT)
            out, errors = run.communicate(timeout=60)
        finally:
            run.kill()
    assert (run.returncode, errors) == (0, "")
    assert "stopped by Ctrl-C in epoch " in out
    assert "points are right" in out
    assert (tmp_path / "train_moons.png").stat().st_size > 1000
    assert (tmp_path / "train_moons.npz").exists()


def test_ctrl_c_before_the_training_is_said(say, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("training.first_try.command.read_table", stop)
    table(tmp_path)
    assert say("flats.csv", "--target", "rent") == (130, "", "\nstopped by Ctrl-C\n")
    assert not list(tmp_path.glob("train_*"))


def test_a_second_ctrl_c_ends_the_script_without_a_traceback(say, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("training.first_try.command.runpy.run_path", stop)
    code, _, errors = say("moons")
    assert (code, errors) == (130, "\nstopped by Ctrl-C\n")
    assert (tmp_path / "train_moons.py").exists()


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    script = f"{sys.executable} -m training moons --epochs 300 | head -1"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=100
    )
    assert done.stdout.startswith("script written to ")
    assert done.stderr == ""
