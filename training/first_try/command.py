"""Writes the script, runs that very file, and answers for what goes wrong: no tracebacks, and codes for a shell.

0    the script ran to its end
1    the script ended in an error, such as a training that diverged
2    something must be typed differently, or mended in the data; nothing has been written
130  Ctrl-C, before or after the training; during it, the script draws and saves what there is by then
"""

from __future__ import annotations

import argparse
import contextlib
import os
import runpy
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from layers.contract.meant import did_you_mean

from ..data import mnist
from ..replacement import check_path, replaced
from .columns import read_columns
from .options import batch_size_of, choice_of, epochs_of, read
from .problems import KNOWN, Problem, of_table, stem_of
from .script import Settings, is_sealed, script_of
from .table import SEPARATORS, read_table
from .wording import Refusal, quoted, shown

PACKAGES = {"layers", "losses", "optimizers", "pictures", "training", "numpy", "matplotlib"}


def main(arguments: Sequence[str]) -> int:
    """Do what `python -m training` with these arguments does; return the code to exit with."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no error
    try:
        script = _write(read(arguments))
        return _run(script)
    except Refusal as refusal:
        print(f"error: {refusal}\n(python -m training --help says what there is)", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped by Ctrl-C", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read the output has gone, as `head` does
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # for what Python writes at the end
        return 1


def _write(options: argparse.Namespace) -> Path:
    """Write the script that was asked for, and say what it was made of."""
    script = _target_of(options)
    problem = KNOWN[options.data] if options.data in KNOWN else _from_table(options, script.parent)
    if options.directory is not None:
        try:
            mnist(options.directory)
        except (OSError, ValueError) as error:
            raise Refusal(str(error)) from None
    n_train = problem.n_examples - round(problem.n_examples * options.validation)
    if not 0 < n_train < problem.n_examples:
        raise Refusal(
            f"--validation must leave examples on both sides, got {options.validation} of {problem.n_examples:,}"
        )
    batch_size = options.batch_size or batch_size_of(n_train)
    settings = Settings(
        sizes=_sizes(problem, options),
        epochs=options.epochs or epochs_of(n_train, batch_size),
        batch_size=batch_size,
        optimizer=options.optimizer,
        learning_rate=options.learning_rate,
        validation=options.validation,
        seed=options.seed,
        directory=None if options.directory is None else quoted(str(Path(options.directory).resolve())),
    )
    text = script_of(problem, settings, script.name)
    _check_free(script, options.overwrite)
    with replaced(str(script)) as file:
        file.write(text.encode("utf-8", "backslashreplace"))
    print(f"script written to {script}\n", flush=True)
    return script


def _run(script: Path) -> int:
    """Run the script as Python would, in this process; say in a line what it raised."""
    arguments, sys.argv = sys.argv, [str(script)]
    try:
        runpy.run_path(str(script), run_name="__main__")
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(script)]
        where = f"{script}, line {lines[-1]}" if lines else str(script)
        print(f"error: {where}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    finally:
        sys.argv = arguments
    print(f"\nchange {script.name} and run it again: python {shlex.quote(str(script))}")
    return 0


# ---- what it is made of ----------------------------------------------------------------------------------------------


def _from_table(options: argparse.Namespace, folder: Path) -> Problem:
    path = Path(options.data)
    if not path.is_file():
        if path.is_dir():
            raise Refusal(f"DATA must be a file, got the directory {path}")
        hint = did_you_mean(options.data, KNOWN) or f"; the data sets are {', '.join(KNOWN)}"
        raise Refusal(f"DATA must be a CSV file or a data set, but there is no {shown(options.data)}{hint}")
    table = read_table(path, options.separator, options.encoding)
    columns = read_columns(table, choice_of(options))
    by = SEPARATORS.get(table.separator, shown(table.separator))
    print(f"{path}: {len(table.rows):,} rows of {len(table.names)} columns, separated by {by}")
    for note in columns.notes:
        print(note)
    return of_table(table, columns, options.decimal or "point", folder)


def _sizes(problem: Problem, options: argparse.Namespace) -> tuple[int, ...]:
    """Return the sizes of all layers; raise where those that were given do not fit the data."""
    first, last = problem.shape[-1], problem.n_outputs
    if options.layers is None:
        return (first, *(options.hidden or (32,)), last)
    given: tuple[int, ...] = options.layers
    if (given[0], given[-1]) != (first, last) or (problem.steps and len(given) < 3):
        what = "classes" if problem.classes else "number to predict"
        wanted = ",".join(map(str, (first, *(given[1:-1] or (32,)), last)))
        got = ",".join(map(str, given))
        raise Refusal(
            f"--layers must begin with {first}, the features, and end with {last}, the {what}, got {got}: "
            f"--layers {wanted}, or --hidden for those between"
        )
    return given


# ---- where it goes ---------------------------------------------------------------------------------------------------


def _target_of(options: argparse.Namespace) -> Path:
    """Return the path of the script; raise where nothing can be written, or where it would stand in the way."""
    if options.output is None:
        stem = options.data if options.data in KNOWN else stem_of(Path(options.data))
        script = Path(f"train_{stem}.py")
    else:
        script = Path(options.output)
        if not script.name or script.is_dir():
            raise Refusal(f"--output must be a file, got {shown(options.output)}")
        if script.suffix not in ("", ".py"):
            raise Refusal(f"--output must be the name of a script, {script.stem}.py, got {shown(options.output)}")
        script = script.with_suffix(".py")
    if script.stem in PACKAGES or script.stem in sys.stdlib_module_names:
        raise Refusal(f"--output must not be {script.name}: Python would take it for the module {script.stem}")
    try:
        check_path("--output", script)
    except (OSError, ValueError, TypeError) as error:
        raise Refusal(str(error)) from None
    return script.absolute()


def _check_free(script: Path, overwrite: bool) -> None:
    """Raise unless the script, its picture and its weights are not there, or were written by us and not changed."""
    if overwrite:
        return
    if script.exists():
        with contextlib.suppress(UnicodeError, OSError):
            if is_sealed(script.read_text(encoding="utf-8")):
                return
        raise Refusal(f"{script} is there and was changed, or is of others: choose another --output, or --overwrite")
    for other in (script.with_suffix(".png"), script.with_suffix(".npz")):
        if other.exists():
            raise Refusal(f"{other} is there, and would be replaced: choose another --output, or --overwrite")
