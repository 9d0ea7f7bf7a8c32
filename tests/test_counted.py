"""What counts in a loss: targets that are to be ignored, and steps of padded rows, are left out of everything."""

import numpy as np
import pytest

from layers import LSTM, Dense, Embedding, Padded, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import SGD
from training import accuracy, evaluate, fit

LOGITS = np.random.default_rng(0).normal(size=(4, 6, 3))
LABELS = np.random.default_rng(1).integers(0, 3, (4, 6))
LABELS[0, 2:] = LABELS[2] = LABELS[3, 4] = -1
KEPT = LABELS != -1
OPTIONS = [
    {},
    {"reduction": "sum"},
    {"label_smoothing": 0.2},
    {"class_weights": [1.0, 0.3, 2.0]},
    {"reduction": "sum", "label_smoothing": 0.2, "class_weights": [1.0, 0.3, 2.0]},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("weights", [None, np.array([1.0, 0.5, 2.0, 0.0]), np.linspace(0, 2, 24).reshape(4, 6)])
def test_ignored_targets_are_as_if_they_were_not_there(options, weights):
    of_kept = None if weights is None else np.broadcast_to(weights.reshape(4, -1), (4, 6))[KEPT]
    plain, loss = SoftmaxCrossEntropy(**options), SoftmaxCrossEntropy(ignore=-1, **options)
    expected = plain.forward(LOGITS[KEPT], LABELS[KEPT], of_kept)
    for at_the_ignored in (0.0, np.nan, np.inf):
        logits = np.where(KEPT[..., np.newaxis], LOGITS, at_the_ignored)
        assert loss.forward(logits, LABELS, weights) == expected
        assert loss.divisor == plain.divisor
        dlogits = loss.backward()
        assert not dlogits[~KEPT].any()
        plain.forward(LOGITS[KEPT], LABELS[KEPT], of_kept)
        np.testing.assert_array_equal(dlogits[KEPT], plain.backward())


def test_the_mean_is_divided_by_what_counts():
    # two of three: -log(1/2) and -log(1/4) over 2
    loss = SoftmaxCrossEntropy(ignore=-1)
    y_hat = np.array([[0.5, 0.5], [0.9, 0.1], [0.25, 0.75]])
    assert loss.forward(np.log(y_hat), np.array([0, -1, 0])) == pytest.approx(3 * np.log(2) / 2, rel=1e-14)
    assert loss.divisor == 2
    np.testing.assert_allclose(loss.backward(), [[-0.25, 0.25], [0, 0], [-0.375, 0.375]], rtol=1e-12)


def test_any_class_can_be_ignored_also_in_small_integers():
    labels = np.array([0, 255, 2], np.uint8)
    loss = SoftmaxCrossEntropy(ignore=255)
    assert loss.forward(LOGITS[0, :3], labels) == SoftmaxCrossEntropy().forward(LOGITS[0, [0, 2]], labels[[0, 2]])
    loss = SoftmaxCrossEntropy(ignore=2)
    assert loss.forward(LOGITS[0, :3], np.array([0, 1, 2])) == SoftmaxCrossEntropy().forward(LOGITS[0, :2], [0, 1])


def test_a_forward_that_ignores_nothing_is_the_plain_one():
    loss, labels = SoftmaxCrossEntropy(ignore=-1), np.maximum(LABELS, 0)
    assert loss.forward(LOGITS, labels) == SoftmaxCrossEntropy().forward(LOGITS, labels)
    soft = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=-1, keepdims=True)
    assert loss.forward(LOGITS, soft) == SoftmaxCrossEntropy().forward(LOGITS, soft)  # probabilities have no class -1
    loss.forward(LOGITS, LABELS)
    loss.forward(LOGITS, labels)  # what was left out before counts again
    assert loss.backward()[~KEPT].all()


def test_padding_and_ignored_targets_at_once():
    lengths = [3, 6, 2, 0]
    where = KEPT & (np.arange(6) < np.array(lengths)[:, np.newaxis])
    loss = SoftmaxCrossEntropy(ignore=-1)
    assert loss.forward(Padded(LOGITS, lengths), LABELS) == SoftmaxCrossEntropy().forward(LOGITS[where], LABELS[where])
    assert loss.divisor == where.sum()
    assert (loss.backward().any(axis=-1) == where).all()


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (np.full((4, 6), -1), ValueError, "at least one prediction must count, got none of 24"),
        (np.full((4, 6), -2), ValueError, r"y must hold classes 0 \.\. 2, got -2 \.\. -2"),
        (LABELS[:, :5], ValueError, "y must have shape"),
        (LABELS.astype(float), TypeError, "y must hold class indices as integers"),
    ],
)
def test_targets_that_do_not_fit_are_refused(y, error, message):
    loss = SoftmaxCrossEntropy(ignore=-1)
    with pytest.raises(error, match=r"^SoftmaxCrossEntropy\(ignore=-1\): " + message):
        loss.forward(LOGITS, y)
    with pytest.raises(RuntimeError, match="needs a forward"):
        loss.backward()


@pytest.mark.parametrize("ignore", [1.0, "a", True, [-1]])
def test_ignore_is_a_class_index(ignore):
    with pytest.raises(TypeError, match="SoftmaxCrossEntropy: ignore must be a whole number, got"):
        SoftmaxCrossEntropy(ignore=ignore)


def test_ignored_targets_count_in_no_metric_whatever_the_batches_are(rng):
    tokens = rng.integers(0, 5, (4, 6))
    model = Sequential([Embedding(5, 3), LSTM(3, 4), Dense(4, 3)], dtype=np.float64, rng=0)
    loss = SoftmaxCrossEntropy(ignore=-1)
    logits = model.predict(tokens)
    for batch_size in (1, 2, 3, 4):  # one row has nothing that counts
        found = evaluate(model, loss, tokens, LABELS, batch_size=batch_size, metrics=accuracy)
        assert found["loss"] == pytest.approx(loss.forward(logits, LABELS), rel=1e-12)
        assert found["accuracy"] == np.mean(logits.argmax(axis=-1)[KEPT] == LABELS[KEPT])


def test_a_batch_in_which_nothing_counts_changes_nothing(rng):
    tokens = rng.integers(0, 5, (4, 6))
    make = lambda: Sequential([Embedding(5, 3), LSTM(3, 4), Dense(4, 3)], rng=0)  # noqa: E731
    options = {"epochs": 2, "shuffle": False, "verbose": False}
    some, all_ = make(), make()
    fit(some, SoftmaxCrossEntropy(ignore=-1), SGD(0.1, momentum=0.9), tokens[:2], LABELS[:2], batch_size=2, **options)
    batches = [(tokens[:2], LABELS[:2]), (tokens[2:3], LABELS[2:3])]
    fit(all_, SoftmaxCrossEntropy(ignore=-1), SGD(0.1, momentum=0.9), batches, **options)
    np.testing.assert_array_equal(all_.parameters, some.parameters)
