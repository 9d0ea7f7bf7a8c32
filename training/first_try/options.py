"""The command line of `python -m training`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Any, NoReturn

from layers.contract.meant import did_you_mean

from .columns import MOST_WORDS, Choice
from .problems import KNOWN
from .script import RATES
from .wording import Refusal

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "space": " ", "\\t": "\t"}
STEPS = 4000  # of the optimizer, where the number of epochs is not said
MOST = 1_000_000  # epochs, rows of a batch, units of a layer

DESCRIPTION = """\
A first training without a line of code. DATA is a CSV file, or one of the data sets

    {known}

It writes the script of the training, to be read and changed, runs it, and leaves the curves and the trained network
beside it. In a CSV file, --target says which column is to be predicted: words are classes, numbers are predicted as
numbers, or taken for classes where they are few and whole. It says what it takes the columns for."""

EXAMPLES = """\
examples:
    python -m training digits --layers 64,32,10 --epochs 20
    python -m training iris.csv --target species
    python -m training houses.csv --target price --leave-out id --hidden 64,64 --optimizer AdamW
"""


class Parser(argparse.ArgumentParser):
    """Refuses by a `Refusal`, and says which option was meant."""

    def error(self, message: str) -> NoReturn:
        raise Refusal(message)


def parser() -> Parser:
    """Return the parser of the command line."""
    made = Parser(
        prog="python -m training",
        description=DESCRIPTION.format(known=", ".join(KNOWN)),
        epilog=EXAMPLES,
        usage="%(prog)s DATA [--target COLUMN] [options]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("data", metavar="DATA", help="a CSV file, or the name of a data set")
    net = made.add_argument_group("the network and its training")
    net.add_argument(
        "--layers", metavar="SIZES", type=_sizes, help="all sizes, from the features to what comes out: 64,32,10"
    )
    net.add_argument("--hidden", metavar="SIZES", type=_sizes, help="only those between: 32 (the default), or 64,64")
    net.add_argument("--epochs", metavar="N", type=_whole, help=f"default: for about {STEPS:,} steps, 5 to 200")
    net.add_argument("--batch-size", metavar="N", type=_whole, help="default: 32, fewer where there are few examples")
    net.add_argument(
        "--optimizer", metavar="NAME", type=_rule, default="Adam", help=f"{', '.join(RATES)}; default: Adam"
    )
    net.add_argument(
        "--learning-rate", metavar="RATE", type=_positive, help="default: 0.003 for Adam, 0.05 for SGD, ..."
    )
    net.add_argument(
        "--validation", metavar="SHARE", type=_share, default=0.2, help="of the examples, not trained on; 0.2"
    )
    net.add_argument("--seed", metavar="N", type=_seed, default=0, help="of all that is drawn; default: 0")
    out = made.add_argument_group("the script")
    out.add_argument("--output", metavar="SCRIPT", help="default: train_DATA.py in this folder")
    out.add_argument("--overwrite", action="store_true", help="also a script that was changed, or is of others")
    table = made.add_argument_group("a CSV file")
    table.add_argument("--target", metavar="COLUMN", help="the column to be predicted")
    table.add_argument("--task", choices=("auto", "classes", "numbers"), help="what the target holds; default: auto")
    table.add_argument("--leave-out", metavar="COLUMN", action="append", help="not to be used; may come several times")
    table.add_argument(
        "--words", metavar="COLUMN", action="append", help="numbers that are names, such as a postal code"
    )
    table.add_argument(
        "--most-words", metavar="N", type=_whole, help=f"different ones in a column; default: {MOST_WORDS}"
    )
    table.add_argument("--missing", choices=("error", "drop"), help="rows with an empty cell; default: error")
    table.add_argument(
        "--separator", metavar="NAME", type=_separator, help="comma, semicolon, tab, bar, space; default: found"
    )
    table.add_argument("--decimal", choices=("point", "comma"), help="of numbers; default: point")
    table.add_argument("--encoding", metavar="NAME", help="default: UTF-8, or UTF-16 with its mark")
    other = made.add_argument_group("a data set")
    other.add_argument("--data", dest="directory", metavar="DIRECTORY", help="of the four files of MNIST")
    return made


OF_TABLES = ("target", "task", "leave_out", "words", "most_words", "missing", "separator", "decimal", "encoding")


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what was asked for; raise a `Refusal` where that makes no sense."""
    made = parser()
    options, others = made.parse_known_args(arguments)
    if others:
        known = [f"--{name.replace('_', '-')}" for name in vars(options) if name != "directory"]
        unknown = others[0].partition("=")[0]
        raise Refusal(f"there is no option {unknown}{did_you_mean(unknown, known)}")
    if options.layers and options.hidden:
        raise Refusal("--layers has all sizes and --hidden those between: give one of them")
    if options.layers and len(options.layers) < 2:
        raise Refusal(
            f"--layers must have at least two sizes, first the features, last what comes out, got {options.layers[0]}"
        )
    if options.data in KNOWN:
        for name in OF_TABLES:
            if getattr(options, name) is not None:
                raise Refusal(f"--{name.replace('_', '-')} is for a CSV file, and {options.data} is a data set")
    if (options.directory is not None) != (options.data == "mnist"):
        wanted = (
            "mnist needs --data DIRECTORY, of its four files"
            if options.data == "mnist"
            else "--data is for mnist alone"
        )
        raise Refusal(wanted)
    if options.learning_rate is None:
        options.learning_rate = RATES[options.optimizer]
    return options


def choice_of(options: argparse.Namespace) -> Choice:
    """Return what was said about the columns of a table."""
    names = ("target", "task", "decimal", "missing", "most_words", "words", "leave_out")
    return Choice(**{name: getattr(options, name) for name in names if getattr(options, name) is not None})


def batch_size_of(n_examples: int) -> int:
    """Return as many examples as leave some steps in an epoch.

    Examples
    --------
    >>> from training.first_try.options import batch_size_of
    >>> batch_size_of(1437), batch_size_of(120), batch_size_of(10)
    (32, 6, 4)
    """
    return min(32, max(4, n_examples // 20))


def epochs_of(n_examples: int, batch_size: int) -> int:
    """Return as many epochs as make some thousand steps.

    Examples
    --------
    >>> from training.first_try.options import epochs_of
    >>> epochs_of(1437, 32), epochs_of(100, 32), epochs_of(10**6, 32)
    (89, 200, 5)
    """
    return min(max(math.ceil(STEPS / math.ceil(n_examples / batch_size)), 5), 200)


# ---- values ----------------------------------------------------------------------------------------------------------


def _wrong(must: str, text: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"must be {must}, got {text!r}")


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:20]) <= MOST:
        raise _wrong(f"a whole number from 1 to {MOST:,}", text)
    return int(text)


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise _wrong("a whole number from 0 on", text)
    return int(text)


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(_whole(part.strip()) for part in text.split(","))
    except argparse.ArgumentTypeError:
        raise _wrong("whole numbers with commas between, such as 64,32,10", text) from None


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _positive(text: str) -> float:
    if not 0 < _real(text) < math.inf:
        raise _wrong("a number above 0", text)
    return _real(text)


def _share(text: str) -> float:
    if not 0 < _real(text) < 1:
        raise _wrong("a share between 0 and 1", text)
    return _real(text)


def _rule(text: str) -> str:
    names = {name.lower(): name for name in RATES}
    if text.lower() not in names:
        raise argparse.ArgumentTypeError(f"must be one of {', '.join(RATES)}, got {text!r}{_meant_rule(text)}")
    return names[text.lower()]


def _meant_rule(text: str) -> str:
    return did_you_mean(text, RATES)


def _separator(text: str) -> Any:
    found = SEPARATORS.get(text, text)
    if len(found) != 1 or found in '"\r\n\0':
        raise _wrong("comma, semicolon, tab, bar, space, or one character", text)
    return found
