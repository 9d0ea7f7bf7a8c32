import numpy as np
import pytest

from losses import Hinge

SCORES = np.array([[2.0, -1.0, 0.5], [0.1, 0.2, 3.0], [-1.5, 1.0, 0.0], [0.3, -0.7, 0.0]])
CLASSES = np.array([0, 2, 0, 1])


def value_and_gradient(loss, *arguments, **options):
    return loss.forward(*arguments, **options), loss.backward()


def test_two_classes_by_hand():
    # 1 - y * score is 0.7, -1, 1.7 and 1.4: 0.7 + 0 + 1.7 + 1.4 = 3.8, and -y wherever it is above zero
    value, gradient = value_and_gradient(Hinge(reduction="sum"), [0.3, -2.0, -0.7, 0.4], [1, -1, 1, -1])
    assert value == pytest.approx(3.8, rel=1e-12)
    np.testing.assert_array_equal(gradient, [-1, 0, -1, 1])


@pytest.mark.parametrize(("weights", "expected"), [(None, 0.95), ([1, 2, 3, 4], 1.14)])
def test_two_classes_against_scikit_learn(weights, expected):
    # scikit-learn 1.9.1: hinge_loss([1, -1, 1, -1], [0.3, -2, -0.7, 0.4], sample_weight=...)
    value = Hinge().forward([0.3, -2.0, -0.7, 0.4], [1, -1, 1, -1], sample_weights=weights)
    assert value == pytest.approx(expected, rel=1e-12)


def test_two_classes_as_a_column():
    value, gradient = value_and_gradient(Hinge(), [[0.3], [-2.0]], [[1], [-1]])
    assert value == pytest.approx(0.35, rel=1e-12)
    np.testing.assert_array_equal(gradient, [[-0.5], [0.0]])


@pytest.mark.parametrize(("margin", "expected"), [(1.0, 2.425), (0.5, 1.925)])
def test_several_classes_against_pytorch(margin, expected):
    # PyTorch 2.13.0, float64: 3 * multi_margin_loss(SCORES, CLASSES, margin=margin), since it divides by the number
    # of classes, and autograd
    value, gradient = value_and_gradient(Hinge(margin=margin), SCORES, CLASSES)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, [[0, 0, 0], [0, 0, 0], [-0.5, 0.25, 0.25], [0.25, -0.5, 0.25]], rtol=1e-14)


def test_several_classes_by_hand():
    # class 1 of scores 1, 2, 1.5: max(0, 1 + 1 - 2) + max(0, 1 + 1.5 - 2) = 0 + 0.5; the first is on its kink: no pull
    value, gradient = value_and_gradient(Hinge(), [[1.0, 2.0, 1.5]], [1])
    assert value == 0.5
    np.testing.assert_array_equal(gradient, [[0, -1, 1]])


def test_sequences_are_that_many_more_examples():
    value, gradient = value_and_gradient(Hinge(), SCORES.reshape(2, 2, 3), CLASSES.reshape(2, 2))
    flat, dflat = value_and_gradient(Hinge(), SCORES, CLASSES)
    assert value == flat
    np.testing.assert_array_equal(gradient, dflat.reshape(2, 2, 3))


def test_no_warning_at_a_thousand():
    for dtype in (np.float32, np.float64):
        value, gradient = value_and_gradient(Hinge(reduction="sum"), np.array([1000, -1000], dtype), [-1, -1])
        assert value == 1001
        np.testing.assert_array_equal(gradient, [1, 0])


@pytest.mark.parametrize("y", [[0, 1], [1, 2], [0.5, -1]])
def test_targets_other_than_minus_one_and_one_are_refused(y):
    with pytest.raises(ValueError, match=r"^Hinge\(\): y must hold -1 and 1, got \["):
        Hinge().forward([0.1, 0.2], y)


@pytest.mark.parametrize("y", [[0, 3], [-1, 1]])
def test_classes_out_of_range_are_refused(y):
    with pytest.raises(ValueError, match=rf"^Hinge\(\): y must hold classes 0 \.\. 2, got {y[0]} \.\. {y[1]}$"):
        Hinge().forward(SCORES[:2], y)


def test_classes_must_be_integers():
    with pytest.raises(
        TypeError, match=r"^Hinge\(\): y must hold class indices as integers, got dtype float64: y.astype\(int\)$"
    ):
        Hinge().forward(SCORES[:2], [0.0, 1.0])


def test_rows_as_targets_are_refused():
    with pytest.raises(ValueError, match=r"^Hinge\(\): y must have shape \(4,\) \(class indices\), got \(4, 3\)$"):
        Hinge().forward(SCORES, np.eye(3)[CLASSES])


@pytest.mark.parametrize(
    ("bad", "rule"),
    [(0, "finite and > 0"), (-1.0, "finite and > 0"), (np.nan, "finite and > 0"), (np.inf, "finite and > 0")],
)
def test_a_margin_that_is_not_positive_is_refused(bad, rule):
    with pytest.raises(ValueError, match=rf"^Hinge: margin must be {rule}, got {bad}$"):
        Hinge(margin=bad)


@pytest.mark.parametrize("bad", ["1", None, True])
def test_a_margin_that_is_no_number_is_refused(bad):
    with pytest.raises(TypeError, match=r"^Hinge: margin must be a number, got "):
        Hinge(margin=bad)
