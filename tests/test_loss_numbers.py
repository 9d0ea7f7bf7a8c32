"""Losses at every size, kind and layout of numbers, against the formulas in decimal arithmetic of fifty digits."""

import decimal
import os
import sys
from decimal import Decimal

import numpy as np
import pytest

from losses import (
    CategoricalCrossEntropy,
    Hinge,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    SigmoidBinaryCrossEntropy,
    SoftmaxCrossEntropy,
)

DIGITS = decimal.Context(prec=50, Emax=10**15, Emin=-(10**15))
LARGEST = Decimal(sys.float_info.max)
WIDEST = np.finfo(np.longdouble).maxexp > 2000  # elsewhere float64 is the widest, and its ends are refused
DTYPES = [np.float16, np.float32, np.float64]


def value_and_gradient(loss, *arguments, **options):
    return loss.forward(*arguments, **options), loss.backward()


# ---- the formulas once more, slowly ----------------------------------------------------------------------------------


def exact(array):
    """Return the numbers of an array as nested lists of decimals."""
    if np.ndim(array):
        return [exact(part) for part in array]
    return Decimal(float(array)) if np.asarray(array).dtype.kind == "f" else Decimal(int(array))


def softmax_terms(loss, x, y, n_classes):
    top = max(x)
    powers = [(xk - top).exp() for xk in x]
    total = sum(powers)
    smooth = Decimal(loss.label_smoothing)
    log_y_hat = [xk - top - total.ln() for xk in x]
    others = sum(power for xk, power in zip(x, powers, strict=True) if xk != top)
    if others and others < Decimal("1e-30") and x.count(top) == 1:  # log(1 + t) = t, in all its digits
        log_y_hat[x.index(top)] = -others
    target = [(1 - smooth) * yk + smooth / n_classes for yk in y]
    value = -sum(t * log for t, log in zip(target, log_y_hat, strict=True) if t)
    return value, [power / total - t for power, t in zip(powers, target, strict=True)], 1


def term(loss, x, y, dtype):
    """Return the loss of one prediction, its derivative, and the size of the numbers that the derivative is made of."""
    if isinstance(loss, SoftmaxCrossEntropy):
        return softmax_terms(loss, x, y, len(x))
    if isinstance(loss, CategoricalCrossEntropy):
        tiny = Decimal(float(np.finfo(dtype).tiny))
        value = -sum(t * max(p, tiny).ln() for p, t in zip(x, y, strict=True))
        slopes = [-t / p if p > tiny else Decimal(0) for p, t in zip(x, y, strict=True)]
        return value, slopes, max(abs(slope) for slope in slopes)
    if isinstance(loss, Hinge) and isinstance(x, list):
        true, margin = y.index(1), Decimal(loss.margin)
        short = [Decimal(0) if k == true else max(margin + (x[k] - x[true]), Decimal(0)) for k in range(len(x))]
        slopes = [Decimal(s > 0) for s in short]
        slopes[true] = -sum(slopes)
        return sum(short), slopes, 1
    if isinstance(loss, Hinge):
        short = max(Decimal(loss.margin) - y * x, Decimal(0))
        return short, -y if short > 0 else Decimal(0), 1
    if isinstance(loss, SigmoidBinaryCrossEntropy):
        smooth = Decimal(loss.label_smoothing)
        target, small = (1 - smooth) * y + smooth / 2, (-abs(x)).exp()
        rest = small / (1 + small)
        log = small if small < Decimal("1e-30") else (1 + small).ln()
        value = abs(x) * (1 - target if x >= 0 else target) + log
        return value, (1 - target) - rest if x >= 0 else rest - target, 1
    error = x - y
    if isinstance(loss, MeanSquaredError):
        return error * error, 2 * error, abs(2 * error)
    sign = Decimal((error > 0) - (error < 0))
    if isinstance(loss, MeanAbsoluteError):
        return abs(error), sign, 1
    delta = Decimal(loss.delta)
    near = min(abs(error), delta)
    return near * (abs(error) - near / 2), sign * near, near


def reference(loss, predictions, y, weights):
    """Return value, gradient, sizes and divisor; y has a row for each row of logits, weights one for each example."""
    with decimal.localcontext(DIGITS):
        terms = [term(loss, x, t, predictions.dtype) for x, t in zip(exact(predictions), exact(y), strict=True)]
        scale, divisor = exact(weights), Decimal(1)
        if getattr(loss, "class_weights", None) is not None:
            of_class = exact(loss.class_weights)
            for i, t in enumerate(exact(y)):
                row = t if isinstance(t, list) else [1 - t, t]
                scale[i] *= sum(w * tk for w, tk in zip(of_class, row, strict=True))
        if loss.reduction == "mean":
            divisor = sum(scale)
            if not divisor:
                return None, None, None, divisor
            scale = [s / divisor for s in scale]
        value = sum(s * t[0] for s, t in zip(scale, terms, strict=True))
        gradient = [
            [s * slope for slope in t[1]] if isinstance(t[1], list) else s * t[1]
            for s, t in zip(scale, terms, strict=True)
        ]
        # what rounding may cost: this cross-entropy is a difference from the logarithm of a sum, of size 1, unless tiny
        eps = Decimal(float(np.finfo(max(predictions.dtype, np.float32)).eps))
        size = sum(scale) if isinstance(loss, SoftmaxCrossEntropy) and value > eps / 2 else Decimal(0)
        return value, gradient, ([s * t[2] for s, t in zip(scale, terms, strict=True)], size + abs(value)), divisor


# ---- any layout ------------------------------------------------------------------------------------------------------


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


LAYOUTS = {
    "C": np.copy,
    "fortran": lambda a: np.array(a, order="F"),
    "backwards": lambda a: a[::-1].copy()[::-1],
    "every axis backwards": lambda a: np.flip(np.flip(a).copy()),
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "of a table": lambda a: np.stack([a, a], axis=-1)[..., 1],
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "read-only": read_only,
}


# ---- cases -----------------------------------------------------------------------------------------------------------


def sizes(rng, dtype, shape):
    """Return numbers of one size, or each of its own, anywhere between the smallest and the largest of the dtype."""
    low, high = np.log10(np.finfo(dtype).smallest_subnormal), np.log10(np.finfo(dtype).max)
    ordinary = rng.uniform() < 0.4
    exponents = rng.uniform(-2, 2) if ordinary else rng.uniform(low, high, size=shape if rng.uniform() < 0.5 else ())
    numbers = rng.uniform(0.3, 1, size=shape) * rng.choice([-1, 1], size=shape) * 10.0**exponents
    if rng.uniform() < 0.1:
        numbers = rng.choice([-1.0, 1.0], size=shape) * float(np.finfo(dtype).max)
    return np.clip(numbers, -float(np.finfo(dtype).max), float(np.finfo(dtype).max)).astype(dtype)


def weights_of(rng, n):
    kind = rng.integers(6)
    if kind < 2:
        return None
    if kind == 2:
        return rng.integers(0, 4, size=n)
    if kind == 3:
        return rng.uniform(size=n) < 0.7
    if kind == 4:
        return rng.uniform(size=n).astype(rng.choice([np.float16, np.float32, np.float64]))
    return np.abs(sizes(rng, rng.choice([np.float32, np.float64]), n)) * rng.integers(0, 2, size=n)


def case(rng):
    """Return a loss, predictions, y as given, y as the reference wants it, and weights."""
    dtype, n, n_classes = rng.choice(DTYPES), int(rng.integers(1, 5)), int(rng.integers(2, 5))
    kind = rng.choice(
        [
            CategoricalCrossEntropy,
            Hinge,
            Huber,
            MeanAbsoluteError,
            MeanSquaredError,
            SigmoidBinaryCrossEntropy,
            SoftmaxCrossEntropy,
        ]
    )
    options = {"reduction": str(rng.choice(["mean", "sum"]))}
    one_hot = np.eye(n_classes)[rng.integers(n_classes, size=n)]
    if kind in (SoftmaxCrossEntropy, SigmoidBinaryCrossEntropy):
        options["label_smoothing"] = float(rng.choice([0, 0, 0.125, 0.1]))
        if rng.uniform() < 0.3:
            n_weights = n_classes if kind is SoftmaxCrossEntropy else 2
            options["class_weights"] = np.abs(sizes(rng, np.float64, n_weights)) * rng.integers(0, 2, size=n_weights)
    if kind in (Hinge, Huber):
        option = abs(float(sizes(rng, np.float64, ()))) if rng.uniform() < 0.3 else 1.0
        options["margin" if kind is Hinge else "delta"] = option or 1.0
    weights = weights_of(rng, n)
    if kind is CategoricalCrossEntropy:
        x = np.exp(np.clip(rng.normal(size=(n, n_classes)) * 10.0 ** rng.uniform(-1, 2.5), -700, 0))
        x = (x / x.sum(axis=1, keepdims=True)).astype(dtype)
        given = one_hot.argmax(axis=1) if rng.uniform() < 0.5 else one_hot
        return kind(**options), x, given, one_hot, weights
    if kind is SoftmaxCrossEntropy or (kind is Hinge and rng.uniform() < 0.5):
        x = sizes(rng, dtype, (n, n_classes))
        if kind is SoftmaxCrossEntropy and rng.uniform() < 0.3:
            soft = rng.multinomial(8, np.ones(n_classes) / n_classes, size=n) / 8
            return kind(**options), x, soft.astype(rng.choice(DTYPES)), soft, weights
        return kind(**options), x, one_hot.argmax(axis=1), one_hot, weights
    x = sizes(rng, dtype, n)
    if kind is Hinge:
        y = rng.choice([-1, 1], size=n)
    elif kind is SigmoidBinaryCrossEntropy:
        y = rng.choice([0, 1, 0.25, 0.75], size=n).astype(rng.choice(DTYPES))
    else:
        y = sizes(rng, dtype, n) if rng.uniform() < 0.8 else x.copy()
        y = y.astype(rng.choice([dtype, np.float64]))
    return kind(**options), x, y, y, weights


def attempt(function, *arguments):
    """Return what the function returns, or the text of the ValueError that it raises."""
    try:
        return function(*arguments), None
    except ValueError as error:
        return None, str(error)


def check(rng):
    loss, x, y, rows, weights = case(rng)
    value, gradient, sizes_, divisor = reference(loss, x, rows, np.ones(len(x)) if weights is None else weights)
    given = [LAYOUTS[rng.choice(list(LAYOUTS))](a) for a in (x, y)]
    if weights is not None:
        given.append(LAYOUTS[rng.choice(list(LAYOUTS))](weights))
    before = [a.copy() for a in given]
    told = f"{loss!r}.forward({x!r}, {y!r}, {weights!r})"
    largest, smallest = Decimal(float(np.finfo(x.dtype).max)), Decimal(float(np.finfo(x.dtype).smallest_subnormal))
    got, refusal = attempt(loss.forward, *given)
    if refusal:
        beyond = "the loss must be at most" in refusal and (value > LARGEST * Decimal("0.999") or not WIDEST)
        none = "must not all be zero" in refusal and (divisor == 0 or not WIDEST)
        total = "sum of the weights must fit" in refusal and not Decimal("1e-323") < divisor < LARGEST
        assert beyond or none or total, f"{told}: {refusal}; right is {value}, divided by {divisor}"
        return
    of_gradient, of_value = sizes_
    tolerance = 32 * Decimal(float(np.finfo(max(x.dtype, np.float32)).eps))
    assert abs(Decimal(got) - value) <= tolerance * of_value + Decimal("5e-324"), f"{told}: {got}, right is {value}"
    assert abs(Decimal(loss.divisor) - divisor) <= Decimal("1e-14") * divisor + Decimal("5e-324"), told
    flat = [(g, of_gradient[i]) for i, row in enumerate(gradient) for g in (row if isinstance(row, list) else [row])]
    dx, refusal = attempt(loss.backward)
    if refusal:
        beyond = max(abs(g) for g, _ in flat) > largest * Decimal("0.999")
        assert "the gradient must fit" in refusal and (beyond or not WIDEST), f"{told}: {refusal}"  # noqa: PT018
        return
    assert dx.dtype == x.dtype
    assert dx.shape == x.shape
    eps = 32 * Decimal(float(np.finfo(x.dtype).eps))
    for mine, (right, size) in zip(exact(dx.reshape(-1)), flat, strict=True):
        assert abs(mine - right) <= eps * size + smallest, f"{told}: gradient {dx}, right is {right}"
    for a, b in zip(given, before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("seed", range(10))
def test_drawn_losses_are_right_or_refused(seed):
    rng = np.random.default_rng(seed)
    for _ in range(200):
        check(rng)


@pytest.mark.slow
def test_many_more_drawn_losses_are_right_or_refused():
    rng = np.random.default_rng(1000)
    for _ in range(20_000 if os.environ.get("HANDGRAD_LONG") else 2_000):
        check(rng)


# ---- one by one ------------------------------------------------------------------------------------------------------

every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


@every_layout
@pytest.mark.parametrize("kind", [SoftmaxCrossEntropy, Hinge])
def test_a_layout_changes_no_number(kind, layout, rng):
    x, y, weights = rng.normal(size=(5, 4)).astype(np.float32), rng.integers(0, 4, size=5), rng.uniform(size=5)
    value, gradient = value_and_gradient(kind(), x, y, sample_weights=weights)
    other, other_gradient = value_and_gradient(kind(), layout(x), layout(y), sample_weights=layout(weights))
    assert other == pytest.approx(value, rel=1e-6)
    assert other_gradient.dtype == np.float32
    np.testing.assert_allclose(other_gradient, gradient, rtol=1e-6)


def test_broadcast_arrays_are_taken_as_they_read():
    x, y = np.broadcast_to(np.float32([1, 2, 3]), (4, 3)), np.broadcast_to(np.int16(1), 4)
    value, gradient = value_and_gradient(SoftmaxCrossEntropy(), x, y, np.broadcast_to(2.0, 4))
    assert value == pytest.approx(SoftmaxCrossEntropy().forward([[1.0, 2.0, 3.0]], [1]), rel=1e-6)
    assert gradient.flags.writeable
    np.testing.assert_array_equal(gradient, gradient[:1].repeat(4, axis=0))


def test_the_square_of_a_float32_may_be_larger_than_float32():
    value, gradient = value_and_gradient(MeanSquaredError(), np.float32([1e30, 0]), np.float32([0, 0]))
    assert value == pytest.approx(float(np.float32(1e30)) ** 2 / 2, rel=1e-14)
    np.testing.assert_array_equal(gradient, np.float32([1e30, 0]))


def test_an_error_may_be_larger_than_float32_if_its_gradient_is_not():
    largest = np.finfo(np.float32).max
    value, gradient = value_and_gradient(MeanSquaredError(), np.full(8, largest), np.full(8, -largest))
    assert value == pytest.approx(4 * float(largest) ** 2, rel=1e-14)
    np.testing.assert_array_equal(gradient, largest / 2)
    loss = MeanSquaredError()
    loss.forward(np.full(1, largest), np.full(1, -largest))
    with pytest.raises(ValueError, match=r"the gradient must fit into float32, got 1\.36e\+39 at \[0\]$"):
        loss.backward()


def test_targets_that_the_dtype_of_the_predictions_cannot_hold_are_refused():
    with pytest.raises(ValueError, match=r"y must fit into float32, the dtype of y_hat, got 1e\+300 at \[1\]$"):
        MeanAbsoluteError().forward(np.zeros(2, np.float32), [0, 1e300])
    with pytest.raises(ValueError, match=r"y must fit into float16, the dtype of y_hat, got 7e\+04 at \[0\]$"):
        MeanAbsoluteError().forward(np.zeros(2, np.float16), [70000, 1])


def test_whole_numbers_that_float64_cannot_hold_are_refused():
    with pytest.raises(ValueError, match=rf"y must fit into float64, got {2**53 + 1} at \[1\]$"):
        MeanSquaredError().forward(np.zeros(2), np.array([2**60, 2**53 + 1]))
    assert MeanAbsoluteError().forward(np.zeros(1), np.array([2**60])) == 2**60


@pytest.mark.parametrize("size", [1e-320, 1e-40, 1e30])
def test_the_size_of_all_weights_does_not_matter_to_a_mean(size, rng):
    x, y = rng.normal(size=(4, 3)).astype(np.float32), [0, 1, 2, 0]
    plain, dplain = value_and_gradient(SoftmaxCrossEntropy(), x, y)
    value, gradient = value_and_gradient(SoftmaxCrossEntropy(), x, y, sample_weights=np.full(4, size))
    assert value == pytest.approx(plain, rel=1e-6)
    np.testing.assert_allclose(gradient, dplain, rtol=1e-6)


def test_weights_whose_sum_is_beyond_float64_are_refused(rng):
    with pytest.raises(ValueError, match=r"the sum of the weights must fit into float64, got "):
        SoftmaxCrossEntropy().forward(rng.normal(size=(4, 3)), [0, 1, 2, 0], sample_weights=np.full(4, 1e308))


def test_a_tiny_loss_is_not_zero():
    # log(1 + exp(-200)) = exp(-200), far below float32 and far below the rounding of 1
    for loss, x, y in [(SoftmaxCrossEntropy(), [[200, 0]], [0]), (SigmoidBinaryCrossEntropy(), [200], [1])]:
        assert loss.forward(np.array(x, np.float32), y) == pytest.approx(np.exp(-200), rel=1e-6, abs=0)
    assert MeanSquaredError().forward(np.float32([1e-30]), [0]) == pytest.approx(1e-60, rel=1e-6, abs=0)


@pytest.mark.parametrize("y", [[0, 2], [[1, 0, 0, 0], [0, 0, 0.5, 0.5]]], ids=["indices", "soft"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_logit_of_minus_infinity_is_a_class_that_is_not_there(y, dtype):
    logits = np.array([[1, -np.inf, 2, 0.5], [0, 1, -1, 3]], dtype)
    value, gradient = value_and_gradient(SoftmaxCrossEntropy(), logits, y)
    low, dlow = value_and_gradient(SoftmaxCrossEntropy(), np.where(np.isinf(logits), dtype(-1000), logits), y)
    assert value == pytest.approx(low, rel=1e-6)
    np.testing.assert_allclose(gradient, dlow, rtol=2 * np.finfo(dtype).eps)
    assert gradient[0, 1] == 0


@pytest.mark.parametrize("y", [[0, 1], [[1, 0, 0], [0, 0.5, 0.5]]], ids=["indices", "soft"])
@pytest.mark.parametrize("row", [[0, -np.inf, 1], [-np.inf] * 3])
def test_a_true_class_that_is_not_there_has_an_infinite_loss(y, row):
    with pytest.raises(ValueError, match=r"got -inf at \[1, 1\]: at the true class its loss is infinite$"):
        SoftmaxCrossEntropy().forward([[0.0, 1.0, 2.0], row], y)
    with pytest.raises(ValueError, match=r"got -inf at .*: label_smoothing makes every class a true one, and its loss"):
        SoftmaxCrossEntropy(label_smoothing=0.1).forward([[0.0, -np.inf, 2.0]], [0])


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble, np.int8, np.int64, bool])
def test_targets_and_weights_of_any_kind_leave_float32(kind, rng):
    x, ones = rng.normal(size=6).astype(np.float32), np.ones(6, kind)
    for loss in (
        MeanSquaredError(),
        Huber(np.float64(0.5)),
        SigmoidBinaryCrossEntropy(class_weights=np.float32([1, 2])),
    ):
        assert value_and_gradient(loss, x, ones, sample_weights=ones)[1].dtype == np.float32


def test_the_widest_floats_stay_what_they_are(rng):
    x = rng.normal(size=(3, 4)).astype(np.longdouble)
    assert value_and_gradient(SoftmaxCrossEntropy(), x, [0, 1, 2])[1].dtype == np.longdouble
    assert value_and_gradient(MeanSquaredError(), x, np.zeros((3, 4)))[1].dtype == np.longdouble


def test_many_classes_and_many_rows_lose_no_digits(rng):
    logits = rng.normal(size=(3, 100_000)).astype(np.float32)
    value = SoftmaxCrossEntropy().forward(logits, [0, 1, 2])
    assert value == pytest.approx(SoftmaxCrossEntropy().forward(logits.astype(float), [0, 1, 2]), rel=2e-7)
    x = rng.uniform(size=2_000_000).astype(np.float32)
    assert MeanSquaredError().forward(x, np.zeros_like(x)) == pytest.approx(np.mean(x.astype(float) ** 2), rel=1e-8)
