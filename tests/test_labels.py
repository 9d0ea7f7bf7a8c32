"""Classes by name, weights that balance them, scales that are kept, thresholds."""

import numpy as np
import pytest

from layers import Dense, Sequential
from losses import SigmoidBinaryCrossEntropy
from optimizers import SGD
from training import Labels, Standardizer, accuracy, balanced_weights, best_threshold, evaluate, f1, fit, standardize


@pytest.mark.parametrize("y", [["b", "a", "c", "a"], [30, 10, 20, 10], [True, False, True]], ids=str)
def test_decode_is_the_way_back_of_encode(y):
    labels = Labels(y)
    assert labels.names == sorted(set(y))
    assert labels.decode(labels.encode(y)).tolist() == y


def test_an_object_column_of_text_is_text():
    assert Labels(np.array(["x", "y"], object)).encode(np.array(["y", "x"], object)).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Labels(["a", None]), TypeError, "Labels: y must hold text or whole numbers, got dtype object"),
        (lambda: Labels([1.0, 2.0]), TypeError, r"got dtype float64: y.astype\(int\)"),
        (lambda: Labels([["a"], ["b"]]), ValueError, r"y must be labels \(N,\), got shape \(2, 1\)"),
        (lambda: Labels(["a", "b"]).encode(["b", "z"]), ValueError, r"among \['a', 'b'\], got 'z' at \[1\]"),
        (lambda: Labels(["a", "b"]).encode([1]), TypeError, "y must hold text, as the names, got whole numbers"),
        (lambda: Labels(["a", "b"]).decode([2]), ValueError, r"classes must be 0 \.\. 1, got 2 \.\. 2"),
        (lambda: balanced_weights([0, 2]), ValueError, "up to the largest, got 0 .. 2 of 2 examples"),
        (lambda: balanced_weights([0, 2, 2]), ValueError, "got none of class 1"),
        (lambda: balanced_weights(["a"]), TypeError, r"got dtype <U1: Labels\(y\).encode\(y\)"),
        (lambda: Standardizer().transform([[1.0]]), RuntimeError, r"fit\(x\) must come before transform"),
        (lambda: Standardizer().fit(np.eye(2)).invert(np.eye(3)), ValueError, r"features \(2,\), as in fit, got shape"),
        (lambda: f1.of_labels("exact"), ValueError, "must be 'micro' or 'macro', got 'exact', which accuracy has"),
        (lambda: f1.of_labels()(np.ones((2, 3)) * 2, np.eye(2)), ValueError, r"one shape .*\(2, 3\) and \(2, 2\)"),
        (lambda: f1.of_labels()(np.eye(2) * 0.4, np.eye(2)), ValueError, "all lie in \\[0, 1\\] as probabilities"),
        (lambda: f1(np.ones((1, 2)), np.ones((1, 2))), ValueError, r"of several labels an example: f1.of_labels\(\)"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_standardizer_does_what_standardize_does_and_the_way_back(rng):
    x, later = rng.normal(5, 3, (50, 3)), rng.normal(5, 3, (7, 3))
    scale = Standardizer().fit(x)
    np.testing.assert_array_equal(scale.transform(later), standardize(x, later)[1])
    np.testing.assert_allclose(scale.invert(scale.transform(later)), later, rtol=1e-12)


@pytest.mark.parametrize("metric", [accuracy.of_labels("exact"), accuracy.of_labels(), f1.of_labels("micro")], ids=str)
def test_batches_of_labels_add_up_to_the_whole(metric, rng):
    scores, y = rng.normal(size=(50, 4)), rng.integers(0, 2, (50, 4))
    tally = metric.start()
    for here in (slice(0, 7), slice(7, 8), slice(8, 50)):
        metric.add(tally, scores[here], y[here])
    assert metric.result(tally) == pytest.approx(metric(scores, y), rel=1e-12)


def test_labels_are_measured_while_a_network_trains(rng):
    x, y = rng.normal(size=(40, 3)), rng.integers(0, 2, (40, 4))
    model, loss = Sequential([Dense(3, 4)], rng=0), SigmoidBinaryCrossEntropy()
    metrics = {"f1": f1.of_labels(), "all right": accuracy.of_labels("exact")}
    fit(model, loss, SGD(0.1), x, y, epochs=1, metrics=metrics, verbose=False)
    found = evaluate(model, loss, x, y, metrics=metrics)
    expected = ((model.predict(x) > 0) == y).all(axis=1).mean()
    assert found["all right"] == expected


def test_no_threshold_has_a_larger_f1_than_the_best_one(rng):
    y = rng.integers(0, 2, 60)
    scores = np.round(rng.normal(size=60) + y, 1)
    best = f1(scores, y, threshold=best_threshold(scores, y))
    assert best == max(f1(scores, y, threshold=t) for t in np.arange(-4, 5, 0.05))
