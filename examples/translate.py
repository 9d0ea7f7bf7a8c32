"""Dates as people write them, put into the form of ISO 8601: an encoder, and a decoder that attends to it.

    python examples/translate.py --full

learns from 18,000 dates, such as "tuesday, july 10th, 2007", for 3 epochs, half a minute, and counts how many of 2,000
others it gets right from the first digit to the last; without --full, fewer dates in fewer ways of writing them, for a
first look of a few seconds.

    text (N, S)   ->  read     letters to numbers, then two LSTMs, from the left and from the right    (N, S, 2H)
    said (N, 10)  ->  written  what has been said so far: the answer, a letter late                     (N, 10, 2H)
                      found    CrossAttention: each step takes from the text what it needs              (N, 10, 2H)
                      logits   Dense of both side by side                                               (N, 10, 12)

All of it is one `Graph` of two inputs. The texts are of unequal length: they come as a `Padded`, and nobody attends to
padding. In training the decoder is given the right letters so far; afterwards it is given its own, one after another.
The picture shows where it looks while it writes. Attention of a decoder to its encoder: Bahdanau, Cho, Bengio (2014),
"Neural Machine Translation by Jointly Learning to Align and Translate", arXiv:1409.0473.
"""

import argparse
import calendar
import datetime
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from layers import LSTM, Concatenate, CrossAttention, Dense, Embedding, Graph, Join, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import Adam
from training import Vocabulary, batches, padded

MONTHS, DAYS = ([name.lower() for name in names] for names in (calendar.month_name, calendar.day_name))
START = "="  # what the decoder is given before the first letter
READ, SAID = Vocabulary("0123456789 ,.-/abcdefghijklmnopqrstuvwxyz"), Vocabulary("0123456789-" + START)


def nth(day):
    """Return 1st, 2nd, 3rd, 4th, 11th, 21st, as said in English."""
    return f"{day}{'th' if 10 < day < 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


def written(date, rng, n_ways):
    """Return a date in one of the first n_ways of writing one down."""
    day, year, month, weekday = date.day, date.year, MONTHS[date.month], DAYS[date.weekday()]
    ways = (
        f"{day} {month} {year}",
        f"{month} {day}, {year}",
        f"{day:02}.{date.month:02}.{year}",
        f"{date.month}/{day}/{year}",  # with slashes the month comes first
        f"{weekday}, {month} {nth(day)}, {year}",
        f"{nth(day)} of {month} {year}",
        f"{day} {month[:3]} {year % 100:02}",  # of 1970 to 2069
        f"{weekday[:3]} {day}.{date.month}.{year % 100:02}",
    )
    return ways[rng.integers(n_ways)]


def dates(n, rng, n_ways):
    """Return n different dates of 1970 to 2069: as somebody wrote them, and in the form of ISO 8601."""
    first = datetime.date(1970, 1, 1).toordinal()
    n_days = datetime.date(2070, 1, 1).toordinal() - first
    chosen = [datetime.date.fromordinal(first + int(day)) for day in rng.choice(n_days, n, replace=False)]
    return [written(date, rng, n_ways) for date in chosen], [date.isoformat() for date in chosen]


def translator(n_units, rng):
    """Return the network, whose inputs are the text and what has been said so far."""
    width = 2 * n_units
    both_ways = Concatenate([LSTM(32, n_units)], [LSTM(32, n_units, reverse=True)])
    return Graph(
        {
            "read": (Sequential([Embedding(len(READ), 32), both_ways]), "text"),
            "written": (Sequential([Embedding(len(SAID), 32), LSTM(32, width)]), "said"),
            "found": (CrossAttention(width, 1), "written", "read"),
            "both": (Join(), "written", "found"),
            "logits": (Dense(2 * width, len(SAID)), "both"),
        },
        rng=rng,
    )


def translated(model, texts):
    """Return what the network makes of the texts: at each step the letter that it finds most likely."""
    said = np.full((len(texts), 1), SAID.encode(START)[0])
    for _ in range(10):
        logits = model.predict(texts, said, batch_size=500)
        said = np.concatenate([said, logits[:, -1:].argmax(axis=-1)], axis=1)
    return said[:, 1:]


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--full", action="store_true", help="20,000 dates in eight ways of writing them")
parser.add_argument("--seed", type=int, default=0)
arguments = parser.parse_args()
n, n_ways, n_units, epochs, rate = (20_000, 8, 64, 3, 0.002) if arguments.full else (3_000, 4, 32, 4, 0.005)

rng = np.random.default_rng(arguments.seed)
texts, answers = dates(n, rng, n_ways)
text = padded([READ.encode(each) for each in texts])
answer = np.stack([SAID.encode(each) for each in answers])
said = np.concatenate([np.full((n, 1), SAID.encode(START)[0]), answer[:, :-1]], axis=1)
held_out = slice(n - n // 10, n)
n_learned = held_out.start
print(f'{n:,} dates such as "{texts[0]}"; {n_learned:,} to learn from')

model = translator(n_units, rng)
loss, optimizer = SoftmaxCrossEntropy(), Adam(rate)
shares, start = [], time.perf_counter()
for epoch in range(1, epochs + 1):
    values = []
    for rows, _ in batches(np.arange(n_learned), np.zeros(n_learned), 64, rng=rng):
        values.append(loss.forward(model.forward(text[rows], said[rows]), answer[rows]))
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step(model)
    right = translated(model, text[held_out]) == answer[held_out]
    shares.append((right.mean(), right.all(axis=1).mean()))
    print(
        f"epoch {epoch}   loss {np.mean(values):.4f} nats   of other dates {shares[-1][0]:.2%} of the letters right, "
        f"{shares[-1][1]:.2%} of the whole dates   {time.perf_counter() - start:.0f} s",
        flush=True,
    )

# ---- where it looks --------------------------------------------------------------------------------------------------

shown, ways_shown = [], set()
for i in range(held_out.start, held_out.stop):  # the first four that are written in different ways
    way = "".join("a" if letter.isalpha() else "0" if letter.isdigit() else letter for letter in texts[i])
    way = way.replace("aa", "a").replace("00", "0")[:4]
    if len(shown) < 4 and way not in ways_shown:
        shown.append(i)
        ways_shown.add(way)
found = translated(model, text[shown])
given = np.concatenate([np.full((4, 1), SAID.encode(START)[0]), found[:, :-1]], axis=1)
looks = model["found"].probabilities(model["written"].predict(given), model["read"].predict(text[shown]))[:, 0]
print()
figure, places = plt.subplots(2, 2, figsize=(11, 7), layout="constrained")
for i, numbers, look, axes in zip(shown, found, looks, places.flat, strict=True):
    verdict = "" if SAID.decode(numbers) == answers[i] else f"   (no: {answers[i]})"
    print(f"{texts[i]:>32} -> {SAID.decode(numbers)}{verdict}")
    image = axes.imshow(look[:, : len(texts[i])], cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(texts[i])), texts[i])
    axes.set_yticks(range(10), SAID.decode(numbers))
    axes.set_xlabel("read")
    axes.set_ylabel("written")
figure.colorbar(image, ax=places, label="probability")
figure.suptitle(f"Where it looks while it writes; {shares[-1][1]:.1%} of {n - n_learned:,} held-out dates right")
path = Path("translate.png").resolve()
figure.savefig(path, dpi=120)
print(f"picture saved to {path}")
