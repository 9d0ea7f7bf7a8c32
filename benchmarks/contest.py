"""A contest of speed: the same work done by several contestants, each in a process of its own, taking turns.

In one process the thread pools of two libraries disturb each other by a factor of three, and on a machine with other
work the speed of an hour ago says nothing. So every contestant is a process that lives through the whole contest; one
works while all the others sleep, and they alternate, A B C A B C ...: what slows the machine down slows down all of a
round alike. Only times of the same round are compared; the median of these ratios is the result.

A benchmark is a script that describes its contestants and its cases and ends with

    if __name__ == "__main__":
        contest(__doc__, contestants={"handgrad": handgrad, "pytorch": pytorch}, cases=[Case("2-64-3", steps=1000)])

where `handgrad(case)` does its imports, prepares all that is not to be timed, and returns a function without
arguments that does the work, `case.steps` steps of it; if that function returns a float, these are the seconds to
count instead of all that it took. The first contestant is the one that the others are compared
with. One that cannot be imported is named and left out.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent  # the packages beside this folder are measured, whatever is installed


@dataclass(frozen=True)
class Case:
    """One piece of work that all contestants do alike; a benchmark adds fields that describe it.

    Parameters
    ----------
    name : str
    steps : int
        Steps in one call of a contestant's function. Times are given for a step.
    bars : dict of str to float
        Contestant -> what the first contestant's time may be at most, as a multiple of that contestant's.
    """

    name: str
    steps: int = 1
    bars: Mapping[str, float] = field(default_factory=dict, kw_only=True)


Work = Callable[[], object]
Contestants = Mapping[str, Callable[[Any], Work]]


def contest(
    description: str,
    contestants: Contestants,
    cases: Sequence[Case],
    further: Mapping[str, Sequence[Case]] | None = None,
    reports: Mapping[str, Callable[[Any], object]] | None = None,
    memory: bool = False,
) -> None:
    """Read the command line, let the contestants take turns at each case, and print what was measured.

    `further` names options that choose other cases: {"scaling": [...]} is taken with --scaling. `reports` names
    options that print something else about the cases, in this process and without a contest: {"profile": function of a
    case}. With `memory`, the peak memory of each contestant's process is printed too, and what the work added to it.
    """
    further, reports = further or {}, reports or {}
    options = _options(description, contestants, cases, further, reports)
    if options.worker:
        name, case_name = options.worker
        everything = [*cases, *(case for group in further.values() for case in group)]
        _serve(contestants[name], next(case for case in everything if case.name == case_name))
        return
    first, *others = contestants
    only = set(options.only or ())
    for name, group in further.items():
        cases = group if getattr(options, name) else cases
    chosen_cases = [case for case in cases if case.name in only] or cases
    for name, report in reports.items():
        if getattr(options, name):
            sys.path.insert(0, str(ROOT))
            for case in chosen_cases:
                report(case)
            return
    rivals = dict.fromkeys([name for name in others if name in only] or others, ROOT)
    rivals |= {f"{first} in {path}": path for path in options.against}
    print(f"{first}'s time as a multiple of the others': medians of {options.rounds} rounds")
    print("[middle half of the rounds] (95% interval of the median)")
    for case in chosen_cases:
        print(f"\n{case.name}", flush=True)
        times, peaks = _measure(case, {first: ROOT, **rivals}, options)
        for name, own in times.items():
            print(_row(name, own, times[first], case, peaks[name] if memory else ""), flush=True)


def _measure(
    case: Case, roots: Mapping[str, Path], options: argparse.Namespace
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Return the seconds for a step of each contestant that is present, round by round, and its peak memory."""
    workers: dict[str, _Worker] = {}
    try:
        for name, root in roots.items():
            workers[name] = worker = _Worker(name, case, root.resolve(), options.threads)
            if worker.missing:
                print(f"  {name} left out: {worker.missing}; python -m pip install -e '.[bench]' installs the peers")
                workers.pop(name).close()
        first = next(iter(workers.values()))
        calls = max(1, round(options.seconds / first.run(1)))
        times: dict[str, list[float]] = {name: [] for name in workers}
        for _ in range(options.rounds):
            for name, worker in workers.items():
                times[name].append(worker.run(calls) / (calls * case.steps))
        return times, {name: worker.peak_memory() for name, worker in workers.items()}
    finally:
        for worker in workers.values():
            worker.close()


class _Worker:
    """A contestant's process, asleep except in `run`."""

    def __init__(self, name: str, case: Case, root: Path, threads: int | None) -> None:
        self.name = name
        # "handgrad in ../before" is handgrad, imported from there
        command = [sys.executable, os.path.abspath(sys.argv[0]), "--worker", name.split(" in ")[0], case.name]
        path = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
        if threads:
            environment |= {f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL")}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)
        self.missing = self._answer().removeprefix("ready").removeprefix("missing ")

    def run(self, calls: int) -> float:
        """Return the seconds for so many calls of the work."""
        return float(self._ask(f"run {calls}"))

    def peak_memory(self) -> str:
        """Return the largest memory of the process, its libraries included, and how much of it came with the work."""
        return self._ask("memory")

    def _ask(self, question: str) -> str:
        assert self._process.stdin
        self._process.stdin.write(f"{question}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()  # the worker reads its end
        self._process.wait()

    def _answer(self) -> str:
        assert self._process.stdout
        answer = self._process.stdout.readline().rstrip("\n")
        if not answer:
            raise SystemExit(f"{self.name} stopped with exit status {self._process.wait()}; its error stands above")
        return answer


def _serve(prepare: Callable[[Any], Work], case: Case) -> None:
    """Be a contestant: answer `run n` with the seconds that n calls of the work took, `memory` with the peak memory."""
    try:
        work = prepare(case)
    except ImportError as error:
        print(f"missing {error}", flush=True)
        return
    before = _peak_memory()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.startswith("memory"):
            print(f"{_peak_memory():,.0f} MB (+{_peak_memory() - before:,.0f})", flush=True)
            continue
        calls = int(line.split()[1])
        for _ in range(calls // 10 + 1):  # wake the threads and fill the caches, which others have used since
            work()
        elapsed = sum(_seconds_of(work) for _ in range(calls))
        _wait_for_the_threads_to_sleep()
        print(elapsed, flush=True)


def _seconds_of(work: Work) -> float:
    """Return what a call took: by the clock, or the seconds that it returns itself, of the part that counts."""
    start = time.perf_counter()
    counted = work()
    return counted if isinstance(counted, float) else time.perf_counter() - start


def _peak_memory() -> float:
    """Return the largest memory that this process has had, in MB; NaN where the system does not tell."""
    try:
        import resource
    except ImportError:
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6  # bytes there, units of 1024 elsewhere


def _wait_for_the_threads_to_sleep() -> None:
    # The threads of a pool go on looking for work for up to 0.1 s before they go to sleep.
    used = time.process_time()
    for _ in range(100):
        time.sleep(0.01)
        before, used = used, time.process_time()
        if used - before < 0.0005:
            return


def _row(name: str, own: Sequence[float], first: Sequence[float], case: Case, peak: str) -> str:
    row = f"  {name:<12}{_seconds(statistics.median(own)):>12}" + (f"{peak:>16}" if peak else "")
    if own is first:
        return row
    ratios = [a / b for a, b in zip(first, own, strict=True)]
    ratio = statistics.median(ratios)
    low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    least, most = _median_between(ratios)
    row += f"{ratio:>9.3f}  [{low:.3f} .. {high:.3f}]  ({least:.3f} .. {most:.3f})"
    if name not in case.bars:
        return row
    return f"{row}   bar {case.bars[name]:.2f}: {'reached' if ratio <= case.bars[name] else 'missed'}"


def _median_between(ratios: Sequence[float]) -> tuple[float, float]:
    """Return the 95% interval of the median: the ratios at the places between which it lies so often.

    Each ratio is below the true median or above it like a coin; of n, n / 2 - sqrt(n) to n / 2 + sqrt(n) are below.
    """
    n, ordered = len(ratios), sorted(ratios)
    away = 0.98 * math.sqrt(n)  # 1.96 standard deviations of the number of heads, sqrt(n) / 2
    return ordered[max(math.floor(n / 2 - away), 0)], ordered[min(math.ceil(n / 2 + away), n - 1)]


def _seconds(value: float) -> str:
    return f"{value * 1e6:,.1f} us" if value < 1e-3 else f"{value * 1e3:,.2f} ms"


def _options(
    description: str,
    contestants: Contestants,
    cases: Sequence[Case],
    further: Mapping[str, Sequence[Case]],
    reports: Iterable[str],
) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    first, *others = contestants
    names = [case.name for group in (cases, *further.values()) for case in group] + others
    parser.add_argument("--rounds", type=_at_least_one, default=15, help="turns of each contestant (default 15)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=0.2,
        help=f"length of a turn of {first}; the others do as many steps (default 0.2)",
    )
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=names, help=f"these cases and rivals only, of: {', '.join(names)}"
    )
    parser.add_argument(
        "--against", nargs="+", metavar="PATH", type=Path, default=[], help="also other checkouts of this project"
    )
    parser.add_argument("--threads", type=_at_least_one, help="of each contestant (default: as the library chooses)")
    for name, group in further.items():
        listed = ", ".join(case.name for case in group)
        parser.add_argument(f"--{name}", action="store_true", help=f"these cases instead: {listed}")
    for name in reports:
        parser.add_argument(f"--{name}", action="store_true", help=f"no contest, but the {name} of the cases")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _at_least_one(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value
