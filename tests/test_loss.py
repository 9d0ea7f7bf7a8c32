"""What all losses have in common: reduction, weights, order of calls, kinds and shapes that they refuse."""

import copy
import pickle
import re

import numpy as np
import pytest

from layers import Dense, ReLU, Sequential
from losses import (
    CategoricalCrossEntropy,
    Hinge,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    SigmoidBinaryCrossEntropy,
    SoftmaxCrossEntropy,
)

# The families: a target is a real number or a chance for each prediction, or a class for each row of predictions.
OF_REAL_TARGETS = [Huber, MeanAbsoluteError, MeanSquaredError]
OF_CHANCES = [SigmoidBinaryCrossEntropy]
OF_CLASSES = [CategoricalCrossEntropy, Hinge, SoftmaxCrossEntropy]
EVERY_LOSS = [*OF_REAL_TARGETS, *OF_CHANCES, *OF_CLASSES]
every_loss = pytest.mark.parametrize("kind", EVERY_LOSS)


def examples(kind, rng, n=6):
    """Return predictions and targets that suit the loss: n examples, three columns."""
    predictions = rng.normal(size=(n, 3))
    if kind is CategoricalCrossEntropy:
        predictions = np.exp(predictions) / np.exp(predictions).sum(axis=1, keepdims=True)
    if kind in OF_CLASSES:
        return predictions, rng.integers(0, 3, size=n)
    if kind in OF_CHANCES:
        return predictions, rng.integers(0, 2, size=(n, 3))
    return predictions, rng.normal(size=(n, 3))


def n_terms(kind, predictions):
    """Return how many terms the mean is over."""
    return len(predictions) if kind in OF_CLASSES else predictions.size


def value_and_gradient(loss, *arguments, **options):
    return loss.forward(*arguments, **options), loss.backward()


def test_every_loss_is_in_one_family():
    families = [*OF_REAL_TARGETS, *OF_CHANCES, *OF_CLASSES]
    wrong = {kind.__name__ for kind in EVERY_LOSS if families.count(kind) != 1}
    assert sorted(wrong) == [], (
        "write each into one of OF_REAL_TARGETS, OF_CHANCES and OF_CLASSES of tests/test_loss.py alone"
    )


# ---- reduction -------------------------------------------------------------------------------------------------------


@every_loss
def test_mean_is_the_sum_divided_by_the_number_of_terms(kind, rng):
    x, y = examples(kind, rng)
    mean, dmean = value_and_gradient(kind(), x, y)
    total, dtotal = value_and_gradient(kind(reduction="sum"), x, y)
    assert mean == pytest.approx(total / n_terms(kind, x), rel=1e-12)
    np.testing.assert_allclose(dmean, dtotal / n_terms(kind, x), rtol=1e-14)


@every_loss
def test_sum_over_a_batch_is_the_sum_over_its_halves(kind, rng):
    x, y = examples(kind, rng)
    loss = kind(reduction="sum")
    whole, dwhole = value_and_gradient(loss, x, y)
    first, dfirst = value_and_gradient(loss, x[:2], y[:2])
    rest, drest = value_and_gradient(loss, x[2:], y[2:])
    assert whole == pytest.approx(first + rest, rel=1e-12)
    np.testing.assert_allclose(dwhole, np.concatenate([dfirst, drest]), rtol=1e-14)


@every_loss
def test_a_batch_of_one(kind, rng):
    x, y = examples(kind, rng, n=1)
    value, gradient = value_and_gradient(kind(), x, y)
    assert np.isfinite(value)
    assert gradient.shape == (1, 3)


@every_loss
def test_repeating_the_batch_changes_neither_the_loss_nor_any_parameter_gradient(kind, rng):
    model = Sequential([Dense(4, 8), ReLU(), Dense(8, 3)], dtype=np.float64, rng=rng)
    x, (_, y) = rng.normal(size=(6, 4)), examples(kind, rng)

    def step(x, y):
        out = model.forward(x)
        if kind is not CategoricalCrossEntropy:
            value, dout = value_and_gradient(kind(), out, y)
        else:  # it wants probabilities: rows that are positive and sum to 1
            y_hat = np.exp(out) / np.exp(out).sum(axis=1, keepdims=True)
            value, dy_hat = value_and_gradient(kind(), y_hat, y)
            dout = y_hat * (dy_hat - (dy_hat * y_hat).sum(axis=1, keepdims=True))
        model.backward(dout)
        return value, model.gradients.copy()

    value, gradients = step(x, y)
    twice, gradients_twice = step(np.concatenate([x, x]), np.concatenate([y, y]))
    assert twice == pytest.approx(value, rel=1e-12)
    # sums of twice as many terms, in another order: a few roundings of numbers of size 1
    np.testing.assert_allclose(gradients_twice, gradients, rtol=1e-12, atol=1e-15)


@every_loss
@pytest.mark.parametrize("reduction", ["none", "Mean", None, 1, ["mean"]])
def test_an_unknown_reduction_is_refused(kind, reduction):
    with pytest.raises(ValueError, match=rf"^{kind.__name__}: reduction must be 'mean' or 'sum', got "):
        kind(reduction=reduction)


# ---- weights of examples ---------------------------------------------------------------------------------------------


@every_loss
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_whole_weights_equal_repeated_examples(kind, reduction, rng):
    x, y = examples(kind, rng)
    times = np.array([1, 3, 0, 2, 1, 2])
    loss = kind(reduction=reduction)
    weighted, dweighted = value_and_gradient(loss, x, y, sample_weights=times)
    repeated, drepeated = value_and_gradient(loss, np.repeat(x, times, axis=0), np.repeat(y, times, axis=0))
    assert weighted == pytest.approx(repeated, rel=1e-12)
    starts = np.cumsum(times) - times  # the gradients of equal copies, added up
    summed = [drepeated[start : start + n].sum(axis=0) for start, n in zip(starts, times, strict=True)]
    np.testing.assert_allclose(dweighted, summed, rtol=1e-13, atol=1e-16)


@every_loss
def test_the_weighted_mean_is_divided_by_the_sum_of_the_weights(kind, rng):
    x, y = examples(kind, rng)
    weights = np.array([0.5, 0.0, 2.0, 1.0, 0.1, 3.0])
    single = [kind().forward(x[i : i + 1], y[i : i + 1]) for i in range(6)]
    expected = sum(w * value for w, value in zip(weights, single, strict=True)) / 6.6  # the sum of the weights
    assert kind().forward(x, y, sample_weights=weights) == pytest.approx(expected, rel=1e-12)


@every_loss
def test_the_weighted_sum_is_not_divided(kind, rng):
    x, y = examples(kind, rng)
    weights = np.array([0.5, 0.0, 2.0, 1.0, 0.1, 3.0])
    loss = kind(reduction="sum")
    single = [loss.forward(x[i : i + 1], y[i : i + 1]) for i in range(6)]
    expected = sum(w * value for w, value in zip(weights, single, strict=True))
    assert loss.forward(x, y, sample_weights=weights) == pytest.approx(expected, rel=1e-12)


@every_loss
def test_equal_weights_change_nothing_in_the_mean(kind, rng):
    x, y = examples(kind, rng)
    plain, dplain = value_and_gradient(kind(), x, y)
    weighted, dweighted = value_and_gradient(kind(), x, y, sample_weights=np.full(6, 7.0))
    assert weighted == pytest.approx(plain, rel=1e-12)
    np.testing.assert_allclose(dweighted, dplain, rtol=1e-14, atol=1e-17)


@every_loss
def test_an_example_of_weight_zero_has_no_gradient(kind, rng):
    x, y = examples(kind, rng)
    _, gradient = value_and_gradient(kind(), x, y, sample_weights=[1, 1, 0, 1, 1, 1])
    assert not gradient[2].any()


@pytest.mark.parametrize("kind", [*OF_REAL_TARGETS, *OF_CHANCES])
def test_a_weight_for_each_element(kind, rng):
    x, y = examples(kind, rng)
    weights = rng.uniform(size=(6, 3))
    single = [[kind().forward([x[i, j]], [y[i, j]]) for j in range(3)] for i in range(6)]
    value, gradient = value_and_gradient(kind(), x, y, sample_weights=weights)
    assert value == pytest.approx((weights * single).sum() / weights.sum(), rel=1e-12)
    alone = [[value_and_gradient(kind(), [x[i, j]], [y[i, j]])[1][0] for j in range(3)] for i in range(6)]
    np.testing.assert_allclose(gradient, weights / weights.sum() * alone, rtol=1e-13)


@every_loss
@pytest.mark.parametrize("shape", [(5,), (6, 1), (1, 6), (7,), (3,), (6, 3, 1)])
def test_weights_of_another_shape_are_refused(kind, shape, rng):
    x, y = examples(kind, rng)
    with pytest.raises(ValueError, match=r"sample_weights must have shape \(6,\)( or \(6, 3\))?, got \("):
        kind().forward(x, y, sample_weights=np.ones(shape))


@every_loss
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_negative_weight_is_refused(kind, reduction, rng):
    x, y = examples(kind, rng)
    with pytest.raises(ValueError, match=r"sample_weights must not be negative, got -0\.5"):
        kind(reduction=reduction).forward(x, y, sample_weights=[1, 1, -0.5, 1, 1, 1])


@every_loss
def test_weights_that_are_all_zero_have_no_mean(kind, rng):
    x, y = examples(kind, rng)
    with pytest.raises(ValueError, match=r"the weights must not all be zero"):
        kind().forward(x, y, sample_weights=np.zeros(6))


@every_loss
def test_weights_that_are_all_zero_have_the_sum_zero(kind, rng):
    x, y = examples(kind, rng)
    value, gradient = value_and_gradient(kind(reduction="sum"), x, y, sample_weights=np.zeros(6))
    assert value == 0
    assert not gradient.any()


@every_loss
def test_a_weight_that_is_not_finite_is_refused(kind, rng):
    x, y = examples(kind, rng)
    with pytest.raises(ValueError, match=r"sample_weights must be finite, got nan at \[1\]"):
        kind().forward(x, y, sample_weights=[1, np.nan, 1, 1, 1, 1])


# ---- order of calls --------------------------------------------------------------------------------------------------


@every_loss
def test_backward_before_forward_raises(kind):
    with pytest.raises(RuntimeError, match=rf"^{kind.__name__}\(\): backward\(\) needs a forward\(\) before it$"):
        kind().backward()


@every_loss
def test_backward_twice_raises(kind, rng):
    loss = kind()
    value_and_gradient(loss, *examples(kind, rng))
    with pytest.raises(RuntimeError, match=r"backward\(\) needs a forward\(\) before it"):
        loss.backward()


@every_loss
def test_a_failed_forward_leaves_nothing_to_recall(kind, rng):
    loss = kind()
    x, y = examples(kind, rng)
    loss.forward(x, y)
    with pytest.raises(ValueError, match="y"):
        loss.forward(x, y[:5])
    with pytest.raises(RuntimeError, match=r"backward\(\) needs a forward\(\) before it"):
        loss.backward()


@every_loss
def test_failed_weights_leave_nothing_to_recall(kind, rng):
    loss = kind()
    x, y = examples(kind, rng)
    loss.forward(x, y)
    with pytest.raises(ValueError, match="sample_weights"):
        loss.forward(x, y, sample_weights=[1.0])
    with pytest.raises(RuntimeError, match=r"backward\(\) needs a forward\(\) before it"):
        loss.backward()


@every_loss
def test_backward_belongs_to_the_last_forward(kind, rng):
    first, second = examples(kind, rng), examples(kind, rng, n=4)
    loss = kind()
    loss.forward(*first)
    loss.forward(*second)
    again = kind()
    again.forward(*second)
    np.testing.assert_array_equal(loss.backward(), again.backward())


@every_loss
def test_the_same_call_gives_the_same_numbers(kind, rng):
    x, y = examples(kind, rng)
    loss = kind()
    first, dfirst = value_and_gradient(loss, x, y)
    second, dsecond = value_and_gradient(loss, x, y)
    assert first == second
    np.testing.assert_array_equal(dfirst, dsecond)


# ---- arrays in and out -----------------------------------------------------------------------------------------------


@every_loss
def test_arguments_are_not_changed(kind, rng):
    x, y = examples(kind, rng)
    weights = np.arange(1.0, 7.0)
    given = [x.copy(), y.copy(), weights.copy()]
    gradient = value_and_gradient(kind(), x, y, sample_weights=weights)[1]
    gradient[...] = 99  # whoever scales the gradient in place must not reach the predictions either
    for before, after in zip(given, [x, y, weights], strict=True):
        np.testing.assert_array_equal(before, after)


@every_loss
def test_the_gradient_is_not_part_of_the_next_call(kind, rng):
    x, y = examples(kind, rng)
    loss = kind()
    expected = value_and_gradient(loss, x, y)[1].copy()
    value_and_gradient(loss, x, y)[1][...] = 99
    np.testing.assert_array_equal(value_and_gradient(loss, x, y)[1], expected)


@every_loss
def test_read_only_arrays_are_enough(kind, rng):
    x, y = examples(kind, rng)
    expected, dexpected = value_and_gradient(kind(), x.copy(), y.copy())
    x.flags.writeable = y.flags.writeable = False
    value, gradient = value_and_gradient(kind(), x, y)
    assert value == expected
    np.testing.assert_array_equal(gradient, dexpected)


@every_loss
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weights", [None, np.arange(6.0), np.arange(6, dtype=np.float32)], ids=["plain", "64", "32"])
def test_the_gradient_has_the_dtype_of_the_predictions(kind, reduction, weights, rng):
    x, y = examples(kind, rng)
    loss = kind(reduction=reduction)
    for dtype in (np.float32, np.float64):
        value, gradient = value_and_gradient(loss, x.astype(dtype), y, sample_weights=weights)
        assert type(value) is float
        assert gradient.dtype == dtype
        assert gradient.shape == x.shape


@every_loss
def test_float32_is_as_good_as_it_can_be(kind, rng):
    x, y = examples(kind, rng)
    x = x.astype(np.float32)
    if y.dtype.kind == "f":
        y = y.astype(np.float32)  # so that both see the same numbers
    value, gradient = value_and_gradient(kind(), x, y)
    exact, exact_gradient = value_and_gradient(kind(), x.astype(float), y.astype(float) if y.dtype.kind == "f" else y)
    # a handful of operations on numbers of about 1, each rounded to 6e-8
    assert value == pytest.approx(exact, rel=1e-6)
    np.testing.assert_allclose(gradient, exact_gradient, rtol=1e-6, atol=1e-7)


@every_loss
def test_lists_are_as_good_as_arrays(kind, rng):
    x, y = examples(kind, rng)
    from_lists, dfrom_lists = value_and_gradient(kind(), x.tolist(), y.tolist())
    value, gradient = value_and_gradient(kind(), x, y)
    assert from_lists == value
    np.testing.assert_array_equal(dfrom_lists, gradient)


@every_loss
def test_the_order_of_the_axes_in_memory_does_not_matter(kind, rng):
    x, y = examples(kind, rng)
    value, gradient = value_and_gradient(kind(), x, y)
    other, other_gradient = value_and_gradient(kind(), np.asfortranarray(x), np.asfortranarray(y))
    strided, strided_gradient = value_and_gradient(
        kind(), np.repeat(x, 2, axis=1)[:, ::2], np.repeat(y, 2, axis=0)[::2]
    )
    # the same terms, but NumPy adds them up in another order
    assert other == pytest.approx(value, rel=1e-12)
    assert strided == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(other_gradient, gradient, rtol=1e-13)
    np.testing.assert_allclose(strided_gradient, gradient, rtol=1e-13)


# ---- bad input -------------------------------------------------------------------------------------------------------


@every_loss
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_predictions_that_are_not_finite_are_refused_with_their_place(kind, bad, rng):
    x, y = examples(kind, rng)
    x[4, 1] = bad
    if kind is SoftmaxCrossEntropy and bad == -np.inf:
        y[4] = 1  # elsewhere it is a mask
    with pytest.raises(ValueError, match=rf"^{kind.__name__}\(\): \w+ must be finite, got {bad} at \[4, 1\]"):
        kind().forward(x, y)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_whose_squares_overflow_are_finite(dtype):
    largest = np.finfo(dtype).max
    assert SoftmaxCrossEntropy().forward(np.array([[largest, 0, 0]], dtype), [0]) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_whose_squares_overflow_do_not_hide_one_that_is_not_finite(bad):
    logits = np.array([[1e30, -1e30], [1e30, bad]], np.float32)
    with pytest.raises(ValueError, match=rf"logits must be finite, got {bad} at \[1, 1\]"):
        SoftmaxCrossEntropy().forward(logits, [0, 1])


@pytest.mark.parametrize("kind", [*OF_REAL_TARGETS, *OF_CHANCES])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_targets_that_are_not_finite_are_refused_with_their_place(kind, bad, rng):
    x, y = examples(kind, rng)
    y = y.astype(float)
    y[2, 0] = bad
    with pytest.raises(ValueError, match=rf"^{kind.__name__}\(\): y must be finite, got {bad} at \[2, 0\]$"):
        kind().forward(x, y)


@every_loss
@pytest.mark.parametrize("shape", [(0,), (0, 3), (4, 0)])
def test_nothing_is_refused(kind, shape):
    with pytest.raises(ValueError, match=rf"^{kind.__name__}\(\): \w+ must hold at least one example, got shape \("):
        kind().forward(np.empty(shape), np.empty(shape))


@every_loss
def test_a_single_number_is_refused(kind):
    with pytest.raises(ValueError, match=r"must hold at least one example, got shape \(\)"):
        kind().forward(0.5, 1)


@every_loss
@pytest.mark.parametrize(
    "bad", [[["a", "b", "c"]], [[1j, 0, 0]], [[None, 1.0, 2.0]]], ids=["text", "complex", "object"]
)
def test_predictions_of_another_kind_are_refused(kind, bad):
    with pytest.raises(TypeError, match=rf"^{kind.__name__}\(\): \w+ must hold real numbers, got dtype "):
        kind().forward(bad, [0])


@every_loss
def test_weights_of_another_kind_are_refused(kind, rng):
    with pytest.raises(TypeError, match=r"sample_weights must hold real numbers, got dtype <U1"):
        kind().forward(*examples(kind, rng), sample_weights=list("abcdef"))


@pytest.mark.parametrize("kind", [*OF_REAL_TARGETS, *OF_CHANCES, Hinge])
@pytest.mark.parametrize(("x_shape", "y_shape"), [((5, 1), (5,)), ((5,), (5, 1)), ((5, 1), (1, 5)), ((5,), (1,))])
def test_shapes_that_would_broadcast_are_refused(kind, x_shape, y_shape):
    who = re.escape(f"{kind()!r}")
    cures = {((5, 1), (5,)): ": y[:, np.newaxis]", ((5,), (5, 1)): ": y[..., 0]"}
    shapes = re.escape(f"{x_shape} and {y_shape}{cures.get((x_shape, y_shape), '')}")
    with pytest.raises(ValueError, match=rf"^{who}: \w+ and y must have the same shape, got {shapes}$"):
        kind().forward(np.zeros(x_shape), np.ones(y_shape))


@pytest.mark.parametrize("kind", [Hinge, Huber, MeanAbsoluteError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy])
@pytest.mark.parametrize(("dtype", "large"), [(np.float16, 1e4), (np.float32, 1e30), (np.float64, 1e200)])
def test_numbers_whose_squares_overflow_are_finite_all_the_same(kind, dtype, large, rng):
    x, y = examples(kind, rng)
    x = np.where(x > 0, large, -large).astype(dtype)  # no warning may come, and the losses that grow in a line do not
    value, gradient = value_and_gradient(kind(), x, y)
    assert 0 < value < 6 * large
    assert np.isfinite(gradient).all()


@every_loss
def test_a_refused_call_leaves_its_arguments_as_they_were(kind, rng):
    x, y = examples(kind, rng)
    x[5, 2] = np.nan
    weights = np.arange(6.0)
    given = [x.copy(), y.copy(), weights.copy()]
    with pytest.raises(ValueError, match="must be finite"):
        kind().forward(x, y, sample_weights=weights)
    for before, after in zip(given, [x, y, weights], strict=True):
        np.testing.assert_array_equal(before, after)


def test_overflow_is_never_silent():
    with pytest.raises(ValueError, match=r"^MeanSquaredError\(\): the loss must be at most 1\.8e\+308, the largest"):
        MeanSquaredError().forward(np.array([1e200]), np.array([-1e200]))


# ---- the object ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "CategoricalCrossEntropy()",
        "CategoricalCrossEntropy(reduction='sum')",
        "Hinge()",
        "Hinge(margin=0.5)",
        "Hinge(margin=2, reduction='sum')",
        "Huber()",
        "Huber(delta=1.5)",
        "Huber(delta=0.1, reduction='sum')",
        "MeanAbsoluteError()",
        "MeanSquaredError(reduction='sum')",
        "SigmoidBinaryCrossEntropy(label_smoothing=0.1)",
        "SigmoidBinaryCrossEntropy(reduction='sum', class_weights=[1, 2.5])",
        "SoftmaxCrossEntropy()",
        "SoftmaxCrossEntropy(reduction='sum', label_smoothing=0.1, class_weights=[1, 2, 0.5])",
    ],
)
def test_repr_is_what_one_would_type(text):
    assert repr(eval(text)) == text


@every_loss
@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss))], ids=["copy", "deep", "pickle"]
)
def test_copies_print_the_same(kind, copied):
    loss = kind(reduction="sum")
    assert repr(copied(loss)) == repr(loss)


@pytest.mark.parametrize(
    ("loss", "options", "text"),
    [
        (Huber(np.float32(0.5)), {"delta": 0.5}, "Huber(delta=0.5)"),
        (Hinge(np.int64(2)), {"margin": 2.0}, "Hinge(margin=2)"),
        (SoftmaxCrossEntropy(label_smoothing=np.float64(0.1)), {"label_smoothing": 0.1},
         "SoftmaxCrossEntropy(label_smoothing=0.1)"),
        (SigmoidBinaryCrossEntropy(label_smoothing=np.float16(0.25)), {"label_smoothing": 0.25},
         "SigmoidBinaryCrossEntropy(label_smoothing=0.25)"),
    ],
    ids=repr,
)  # fmt: skip
def test_numbers_of_numpy_become_plain_ones(loss, options, text):
    for name, value in options.items():
        assert getattr(loss, name) == value
        assert type(getattr(loss, name)) is float
    assert repr(loss) == text


def test_many_class_weights_print_as_their_shape():
    assert repr(SoftmaxCrossEntropy(class_weights=np.ones(100))) == (
        "SoftmaxCrossEntropy(class_weights=<array of shape (100,)>)"
    )


@pytest.mark.parametrize("kind", [SoftmaxCrossEntropy, SigmoidBinaryCrossEntropy])
def test_options_of_the_cross_entropies_come_by_name(kind):
    with pytest.raises(TypeError, match="positional argument"):
        kind("mean", 0.1)


def test_the_loss_is_made_by_one_number_and_the_reduction_in_their_order():
    assert repr(Huber(2, "sum")) == "Huber(delta=2, reduction='sum')"
    assert repr(Hinge(2, "sum")) == "Hinge(margin=2, reduction='sum')"


def test_a_loss_of_ones_own_prints_its_arguments():
    class Focal(Loss):
        def __init__(self, gamma, reduction="mean", *, alpha=0.25):
            super().__init__(reduction)
            self.gamma, self.alpha = gamma, alpha

    assert repr(Focal(2.0)) == "Focal(2)"
    assert repr(Focal(2.0, "sum", alpha=0.5)) == "Focal(2, reduction='sum', alpha=0.5)"


@every_loss
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss))], ids=["copy", "pickle"]
)
def test_copies_are_independent(kind, copied, rng):
    x, y = examples(kind, rng)
    loss = kind(reduction="sum")
    expected, gradient = value_and_gradient(copied(loss), x, y)
    assert expected == loss.forward(x, y)
    np.testing.assert_array_equal(loss.backward(), gradient)


def test_a_loss_of_ones_own_must_define_both_directions():
    class Half(Loss):
        pass

    with pytest.raises(NotImplementedError, match=r"Half must define forward\(self, predictions, y\)"):
        Half().forward([1.0], [1.0])
    with pytest.raises(NotImplementedError, match=r"Half must define backward\(self\)"):
        Half().backward()
