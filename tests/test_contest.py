"""The harness of the benchmarks: who takes part, whose turn it is, what is printed. No time is asserted."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

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
    row = rf"  theirs +{time} +{ratio}  \[{ratio} \.\. {ratio}\]"
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
