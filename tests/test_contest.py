"""The harness of the benchmarks: who takes part, whose turn it is, what is printed. No time is asserted."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from layers import Dense

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"

SCRIPT = """
import sys, time
sys.path.insert(0, {benchmarks!r})
from contest import Case, contest

def worker(name):
    def prepare(case):
        def work():
            with open({turns!r}, "a") as file:
                print(name, case.name, file=file)
        return work
    return prepare

def absent(case):
    import a_package_that_nobody_has

def broken(case):
    raise ValueError("no such network")

if __name__ == "__main__":
    contestants = {{"ours": worker("ours"), "theirs": worker("theirs"), "absent": absent, "broken": broken}}
    contest("Who appends a line faster.", contestants, [Case("small", 10, bars={{"theirs": 1e9}}), Case("large")])
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs the contest with these arguments, and a file of the turns that were taken."""
    script, turns = tmp_path / "race.py", tmp_path / "turns.txt"
    script.write_text(SCRIPT.format(benchmarks=str(BENCHMARKS), turns=str(turns)))

    def run(*arguments):
        command = [sys.executable, str(script), "--seconds", "0", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    run.turns = turns
    return run


def test_the_contestants_alternate(run):
    printed = run("--rounds", "3", "--only", "small", "theirs")
    assert printed.returncode == 0, printed.stderr
    turns = run.turns.read_text().split("\n")[:-1]
    # one call is to warm up and one is timed; ours runs once more at the start, to find how many calls fill a turn
    assert turns == ["ours small"] * 2 + (["ours small"] * 2 + ["theirs small"] * 2) * 3


def test_medians_ratios_and_bars_are_printed(run):
    printed = run("--rounds", "2", "--only", "theirs").stdout
    time, ratio = r"[\d,.]+ [um]s", r"[\d.]+"
    row = rf"  theirs +{time} +{ratio}  \[{ratio} \.\. {ratio}\]  \({ratio} \.\. {ratio}\)"
    assert re.search(rf"^small\n  ours +{time}\n{row}   bar 1000000000.00: reached$", printed, re.M)
    assert re.search(rf"^large\n  ours +{time}\n{row}$", printed, re.M)


def test_a_contestant_that_cannot_be_imported_is_named_and_left_out(run):
    printed = run("--rounds", "1", "--only", "large", "theirs", "absent").stdout
    assert "absent left out: No module named 'a_package_that_nobody_has'" in printed
    assert re.search("^  theirs ", printed, re.M)


def test_a_contestant_that_fails_ends_the_contest_with_its_error(run):
    failed = run("--only", "small", "broken")
    assert failed.returncode != 0
    assert "no such network" in failed.stderr
    assert "broken stopped with exit status 1" in failed.stderr


def test_another_checkout_takes_part_under_its_path(run, tmp_path):
    printed = run("--rounds", "1", "--only", "large", "theirs", "--against", str(tmp_path))
    assert re.search(rf"^  ours in {re.escape(str(tmp_path))} ", printed.stdout, re.M), printed.stderr


@pytest.mark.parametrize("arguments", [("--rounds", "0"), ("--only", "nobody"), ("--threads", "-1")])
def test_bad_arguments_are_refused(run, arguments):
    refused = run(*arguments)
    assert refused.returncode == 2
    assert "usage:" in refused.stderr


MORE = """
import sys
sys.path.insert(0, {benchmarks!r})
from contest import Case, contest

def ours(case):
    kept = []
    return lambda: kept.append(b"x" * (1 << 20)) if case.name == "hungry" else None

if __name__ == "__main__":
    further = {{"scaling": [Case("large"), Case("hungry")]}}
    reports = {{"names": lambda case: print("a report on", case.name)}}
    contest("More.", {{"ours": ours}}, [Case("small")], further, reports, memory=True)
"""


@pytest.fixture
def more(tmp_path):
    script = tmp_path / "more.py"
    script.write_text(MORE.format(benchmarks=str(BENCHMARKS)))

    def run(*arguments):
        command = [sys.executable, str(script), "--seconds", "0", "--rounds", "20", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    return run


def test_an_option_chooses_other_cases(more):
    assert re.findall(r"^\w+$", more(), re.M) == ["small"]
    assert re.findall(r"^\w+$", more("--scaling"), re.M) == ["large", "hungry"]
    assert re.findall(r"^\w+$", more("--scaling", "--only", "large"), re.M) == ["large"]


def test_an_option_prints_a_report_instead(more):
    assert more("--names") == "a report on small\n"
    assert more("--scaling", "--names") == "a report on large\na report on hungry\n"


def test_peak_memory_and_what_the_work_added(more):
    printed = more("--scaling")
    peak, added = re.search(r"hungry\n  ours .*[um]s +([\d,]+) MB \(\+(\d+)\)", printed).groups()
    # 41 calls at least keep a megabyte each: one to measure, then 20 times one to warm up and one that is timed
    assert 40 <= int(added) <= 60
    assert int(peak) > int(added)


def test_the_networks_of_the_benchmark_of_convolutions(monkeypatch, capsys):
    monkeypatch.syspath_prepend(BENCHMARKS)
    cnn = importlib.import_module("cnn")
    sizes = {
        case.name: [layer.n_inputs for layer in cnn.network(case) if isinstance(layer, Dense)] for case in cnn.CASES
    }
    assert sizes == {"a": [784], "b": [400, 120, 84], "c": [9216, 128], "d": [4096]}
    assert [case.name for case in cnn.SCALING][:3] == ["all-32", "batch-64", "batch-128"]
    cnn.profile(cnn.CASES[0], steps=1)
    assert re.search(r"^  Conv2D\(1, 8, 3, padding=1\) +\(28, 28, 8\) +[\d.]+ +[\d.]+$", capsys.readouterr().out, re.M)


def test_the_benchmark_of_mlps_runs_without_the_peers():
    command = [
        sys.executable,
        str(BENCHMARKS / "mlp.py"),
        "--rounds",
        "1",
        "--seconds",
        "0",
        "--only",
        "2-64-3",
        "floor",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^2-64-3\n  handgrad .* us\n  floor ", done.stdout, re.M)
