import numpy as np
import pytest

from layers import Sigmoid, Softmax
from losses import CategoricalCrossEntropy, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy

# PyTorch 2.13.0, float64: torch.nn.functional.cross_entropy and its gradient by torch.autograd.grad, at these numbers.
LOGITS = np.array([[2.0, -1.0, 0.5], [0.1, 0.2, 3.0], [-1.5, 1.0, 0.0], [0.3, -0.7, 0.0]])
CLASSES = np.array([0, 2, 0, 1])
SOFT = np.array([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [0.25, 0.25, 0.5]])
SUM = 4.9685223280889055
DLOGITS_SUM = np.array(
    [
        [-0.21440296541072412, 0.03911257327068745, 0.1752903921400367],
        [0.04931132715827649, 0.05449744470704105, -0.10380877186531756],
        [-0.9433882677595287, 0.6896720861245036, 0.25371618163502524],
        [0.4742263521652424, -0.825541874576679, 0.35131552241143665],
    ]
)
EXACT = {"rtol": 1e-13, "atol": 1e-15}  # both in float64, formulas arranged differently: some units in the last place


def value_and_gradient(loss, *arguments, **options):
    return loss.forward(*arguments, **options), loss.backward()


def softmax(logits):
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# ---- softmax and cross-entropy: values -------------------------------------------------------------------------------


def test_one_example_by_hand():
    # logits log(7), log(1), log(2): exp makes 7, 1, 2, so that y_hat = 0.7, 0.1, 0.2; the loss is -log(0.1) = log(10)
    value, gradient = value_and_gradient(SoftmaxCrossEntropy(), np.log([[7.0, 1.0, 2.0]]), [1])
    assert value == pytest.approx(2.302585092994046, rel=1e-12)
    np.testing.assert_allclose(gradient, [[0.7, 0.1 - 1, 0.2]], rtol=1e-14)


def test_equal_logits_cost_the_logarithm_of_the_number_of_classes():
    assert SoftmaxCrossEntropy().forward(np.full((3, 8), 5.0), [0, 3, 7]) == pytest.approx(3 * np.log(2), rel=1e-12)


def test_sum_against_pytorch():
    value, gradient = value_and_gradient(SoftmaxCrossEntropy(reduction="sum"), LOGITS, CLASSES)
    assert value == pytest.approx(SUM, rel=1e-12)
    np.testing.assert_allclose(gradient, DLOGITS_SUM, **EXACT)


def test_mean_against_pytorch():
    value, gradient = value_and_gradient(SoftmaxCrossEntropy(), LOGITS, CLASSES)
    assert value == pytest.approx(1.2421305820222264, rel=1e-12)
    np.testing.assert_allclose(gradient, DLOGITS_SUM / 4, **EXACT)


def test_sample_weights_against_scikit_learn():
    # scikit-learn 1.9.1: log_loss(CLASSES, softmax(LOGITS), sample_weight=[1, 2, 3, 4])
    value = SoftmaxCrossEntropy().forward(LOGITS, CLASSES, sample_weights=[1, 2, 3, 4])
    assert value == pytest.approx(1.6059413461488536, rel=1e-12)


def test_the_gradient_of_the_sum_is_exactly_y_hat_minus_y(rng):
    logits, y = rng.normal(size=(50, 10)), rng.integers(0, 10, size=50)
    _, gradient = value_and_gradient(SoftmaxCrossEntropy(reduction="sum"), logits, y)
    np.testing.assert_array_equal(gradient, softmax(logits) - np.eye(10)[y])


def test_the_gradient_of_the_mean_is_y_hat_minus_y_over_n(rng):
    logits, y = rng.normal(size=(50, 10)), rng.integers(0, 10, size=50)
    _, gradient = value_and_gradient(SoftmaxCrossEntropy(), logits, y)
    np.testing.assert_allclose(gradient, (softmax(logits) - np.eye(10)[y]) / 50, rtol=1e-15)


def test_each_row_of_the_gradient_sums_to_zero(rng):
    _, gradient = value_and_gradient(SoftmaxCrossEntropy(label_smoothing=0.2), rng.normal(size=(5, 7)), [0, 6, 3, 2, 1])
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-16)


# ---- kinds of targets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy, CategoricalCrossEntropy])
@pytest.mark.parametrize("one_hot", [np.eye(3)[CLASSES], np.eye(3, dtype=int)[CLASSES], np.eye(3, dtype=bool)[CLASSES]])
def test_one_hot_rows_equal_class_indices(loss, one_hot):
    x = LOGITS if loss is SoftmaxCrossEntropy else softmax(LOGITS)
    by_index, dby_index = value_and_gradient(loss(), x, CLASSES)
    by_row, dby_row = value_and_gradient(loss(), x, one_hot)
    assert by_row == pytest.approx(by_index, rel=1e-12)
    np.testing.assert_array_equal(dby_row, dby_index)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy, CategoricalCrossEntropy])
def test_class_indices_of_every_integer_dtype(loss, dtype):
    x = softmax(LOGITS)
    np.testing.assert_array_equal(
        value_and_gradient(loss(), x, CLASSES.astype(dtype))[1], value_and_gradient(loss(), x, CLASSES)[1]
    )


def test_soft_labels_against_pytorch():
    value, gradient = value_and_gradient(SoftmaxCrossEntropy(), LOGITS, SOFT)
    assert value == pytest.approx(1.6296305820222263, rel=1e-12)
    expected = [
        [0.02139925864731896, -0.04022185668232814, 0.01882259803500917],
        [0.01232783178956912, -0.11137563882323974, 0.09904780703367061],
        [-0.23584706693988217, 0.1724180215311259, 0.06342904540875631],
        [0.0560565880413106, -0.01888546864416976, -0.03717111939714084],
    ]
    np.testing.assert_allclose(gradient, expected, **EXACT)


def test_soft_labels_in_float32_may_be_off_by_a_rounding():
    y = np.full((2, 7), 1 / 7, np.float32)  # its sum is not exactly 1
    value = SoftmaxCrossEntropy().forward(np.zeros((2, 7), np.float32), y)
    assert value == pytest.approx(np.log(7), rel=1e-6)


# ---- sequences -------------------------------------------------------------------------------------------------------


def test_sequences_are_that_many_more_examples(rng):
    logits, y = rng.normal(size=(4, 5, 3)), rng.integers(0, 3, size=(4, 5))
    value, gradient = value_and_gradient(SoftmaxCrossEntropy(), logits, y)
    flat, dflat = value_and_gradient(SoftmaxCrossEntropy(), logits.reshape(20, 3), y.reshape(20))
    assert value == pytest.approx(flat, rel=1e-12)
    np.testing.assert_array_equal(gradient, dflat.reshape(4, 5, 3))


def test_sequences_against_pytorch():
    # The four rows above as two sequences of two: cross_entropy((2, 3, 2), (2, 2)) gives the same mean over all four.
    value, gradient = value_and_gradient(SoftmaxCrossEntropy(), LOGITS.reshape(2, 2, 3), CLASSES.reshape(2, 2))
    assert value == pytest.approx(1.2421305820222264, rel=1e-12)
    np.testing.assert_allclose(gradient, DLOGITS_SUM.reshape(2, 2, 3) / 4, **EXACT)


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy, CategoricalCrossEntropy])
def test_sequences_with_rows_as_targets(loss, rng):
    y_hat, y = softmax(rng.normal(size=(4, 5, 3))), rng.integers(0, 3, size=(4, 5))
    np.testing.assert_array_equal(
        value_and_gradient(loss(), y_hat, np.eye(3)[y])[1], value_and_gradient(loss(), y_hat, y)[1]
    )


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy, CategoricalCrossEntropy])
def test_sequences_whose_axes_are_swapped_in_memory(loss, rng):
    y_hat, y = softmax(rng.normal(size=(4, 5, 3))), rng.integers(0, 3, size=(4, 5))
    steps_first = np.ascontiguousarray(y_hat.swapaxes(0, 1)).swapaxes(0, 1)
    for same in (steps_first, np.asfortranarray(y_hat)):
        np.testing.assert_allclose(
            value_and_gradient(loss(), same, y)[1], value_and_gradient(loss(), y_hat, y)[1], rtol=1e-14
        )


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy, CategoricalCrossEntropy])
def test_padding_is_a_weight_of_zero(loss, rng):
    y_hat, y = softmax(rng.normal(size=(2, 4, 3))), rng.integers(0, 3, size=(2, 4))
    real = np.array([[1, 1, 1, 0], [1, 1, 0, 0]])  # two sequences of 3 and 2 steps
    value, gradient = value_and_gradient(loss(), y_hat, y, sample_weights=real)
    packed, dpacked = value_and_gradient(loss(), y_hat[real == 1], y[real == 1])
    assert value == pytest.approx(packed, rel=1e-12)
    np.testing.assert_allclose(gradient[real == 1], dpacked, rtol=1e-14)
    assert not gradient[real == 0].any()


def test_the_weight_of_a_sequence_is_that_of_each_of_its_steps(rng):
    logits, y = rng.normal(size=(2, 4, 3)), rng.integers(0, 3, size=(2, 4))
    value, gradient = value_and_gradient(SoftmaxCrossEntropy(), logits, y, sample_weights=[1.0, 3.0])
    by_step, dby_step = value_and_gradient(SoftmaxCrossEntropy(), logits, y, sample_weights=[[1.0] * 4, [3.0] * 4])
    assert value == by_step
    np.testing.assert_array_equal(gradient, dby_step)


# ---- label smoothing and weights of classes --------------------------------------------------------------------------


def test_label_smoothing_against_pytorch():
    value, gradient = value_and_gradient(SoftmaxCrossEntropy(label_smoothing=0.1), LOGITS, CLASSES)
    assert value == pytest.approx(1.2796305820222265, rel=1e-12)
    expected = [
        [-0.03693407468601437, 0.00144480998433853, 0.03548926470167584],
        [0.00399449845623579, 0.00529102784342693, -0.00928552629966273],
        [-0.2191804002732155, 0.16408468819779257, 0.05509571207542298],
        [0.11022325470797727, -0.1897188019775031, 0.07949554726952583],
    ]
    np.testing.assert_allclose(gradient, expected, **EXACT)


@pytest.mark.parametrize("y", [CLASSES, SOFT], ids=["indices", "soft"])
def test_label_smoothing_equals_smoothed_labels(y):
    rows = np.eye(3)[y] if y.ndim == 1 else y
    value, gradient = value_and_gradient(SoftmaxCrossEntropy(label_smoothing=0.3), LOGITS, y)
    smoothed, dsmoothed = value_and_gradient(SoftmaxCrossEntropy(), LOGITS, 0.7 * rows + 0.1)  # 0.3 / 3 classes
    assert value == pytest.approx(smoothed, rel=1e-12)
    np.testing.assert_allclose(gradient, dsmoothed, **EXACT)


def test_class_weights_against_pytorch():
    value, gradient = value_and_gradient(SoftmaxCrossEntropy(class_weights=[1.0, 2.0, 0.5]), LOGITS, CLASSES)
    assert value == pytest.approx(1.4799538068635052, rel=1e-12)
    expected = [
        [-0.04764510342460536, 0.00869168294904166, 0.03895342047556371],
        [0.00547903635091961, 0.00605527163411567, -0.01153430798503528],
        [-0.20964183727989527, 0.153260463583223, 0.05638137369667227],
        [0.2107672676289966, -0.36690749981185733, 0.15614023218286072],
    ]
    np.testing.assert_allclose(gradient, expected, **EXACT)


def test_summed_class_weights_against_pytorch():
    loss = SoftmaxCrossEntropy(reduction="sum", class_weights=[1.0, 2.0, 0.5])
    value, gradient = value_and_gradient(loss, LOGITS, CLASSES)
    assert value == pytest.approx(6.659792130885774, rel=1e-12)
    np.testing.assert_allclose(gradient, DLOGITS_SUM * [[1.0], [0.5], [1.0], [2.0]], **EXACT)


def test_an_example_weighs_as_much_as_its_class():
    weights = np.array([1.0, 2.0, 0.5])
    by_class, dby_class = value_and_gradient(SoftmaxCrossEntropy(class_weights=weights), LOGITS, CLASSES)
    by_example, dby_example = value_and_gradient(
        SoftmaxCrossEntropy(), LOGITS, CLASSES, sample_weights=weights[CLASSES]
    )
    assert by_class == by_example
    np.testing.assert_array_equal(dby_class, dby_example)


def test_a_soft_label_weighs_as_much_as_its_classes_on_average():
    # weights 1, 2, 0.5 of the classes: 0.7 + 0.4 + 0.05 = 1.15, 1 + 0.25 = 1.25, 1, 0.25 + 0.5 + 0.25 = 1
    loss = SoftmaxCrossEntropy(class_weights=[1.0, 2.0, 0.5])
    value, gradient = value_and_gradient(loss, LOGITS, SOFT)
    weighted, dweighted = value_and_gradient(SoftmaxCrossEntropy(), LOGITS, SOFT, sample_weights=[1.15, 1.25, 1, 1])
    assert value == pytest.approx(weighted, rel=1e-12)
    np.testing.assert_allclose(gradient, dweighted, **EXACT)


def test_one_hot_rows_weigh_as_much_as_class_indices():
    loss = SoftmaxCrossEntropy(class_weights=[1.0, 2.0, 0.5], label_smoothing=0.1)
    by_index, dby_index = value_and_gradient(loss, LOGITS, CLASSES)
    by_row, dby_row = value_and_gradient(loss, LOGITS, np.eye(3)[CLASSES])
    assert by_row == pytest.approx(by_index, rel=1e-12)
    np.testing.assert_allclose(dby_row, dby_index, **EXACT)


def test_weights_of_classes_and_of_examples_are_multiplied():
    value, gradient = value_and_gradient(
        SoftmaxCrossEntropy(class_weights=[1.0, 2.0, 0.5]), LOGITS, CLASSES, sample_weights=[3.0, 4.0, 0.0, 1.0]
    )
    # the classes 0, 2, 0, 1 weigh 1, 0.5, 1, 2
    both, dboth = value_and_gradient(SoftmaxCrossEntropy(), LOGITS, CLASSES, sample_weights=[3.0, 2.0, 0.0, 2.0])
    assert value == pytest.approx(both, rel=1e-12)
    np.testing.assert_allclose(gradient, dboth, **EXACT)


def test_class_weights_of_sequences(rng):
    logits, y = rng.normal(size=(2, 5, 3)), rng.integers(0, 3, size=(2, 5))
    loss = SoftmaxCrossEntropy(class_weights=[1.0, 2.0, 0.5])
    for labels in (y, np.eye(3)[y]):
        value, gradient = value_and_gradient(loss, logits, labels)
        flat, dflat = value_and_gradient(loss, logits.reshape(10, 3), y.reshape(10))
        assert value == pytest.approx(flat, rel=1e-12)
        np.testing.assert_allclose(gradient.reshape(10, 3), dflat, **EXACT)


@pytest.mark.parametrize("dtype", [int, np.float32, np.float64])
def test_class_weights_are_copied_and_floating(dtype):
    weights = np.array([1, 2, 4], dtype)
    loss = SoftmaxCrossEntropy(class_weights=weights)
    weights[:] = 0
    assert loss.class_weights.tolist() == [1.0, 2.0, 4.0]
    assert loss.class_weights.dtype == float


# ---- extremes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_is_stable_at_logits_of_a_thousand(dtype):
    logits = np.array([[1000, -1000, 0], [-1000, -1000, 1000], [1000, 1000, 1000]], dtype)
    # right: 0; wrong: 1000 - (-1000) = 2000; undecided: log(3)
    value, gradient = value_and_gradient(SoftmaxCrossEntropy(reduction="sum"), logits, [0, 1, 2])
    assert value == pytest.approx(2000 + np.log(3), rel=1e-7)
    np.testing.assert_allclose(gradient, [[0, 0, 0], [0, -1, 1], [1 / 3, 1 / 3, -2 / 3]], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_soft_labels_are_stable_at_logits_of_a_thousand(dtype, smoothing):
    logits = np.array([[1000, -1000]], dtype)
    loss = SoftmaxCrossEntropy(label_smoothing=smoothing)
    value, gradient = value_and_gradient(loss, logits, np.array([[0.5, 0.5]], dtype))
    assert value == pytest.approx(1000, rel=1e-6)  # half of 0 and half of 2000, smoothed or not
    np.testing.assert_allclose(gradient, [[0.5, -0.5]], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_is_stable_at_logits_of_a_thousand(dtype):
    loss = SigmoidBinaryCrossEntropy(reduction="sum")
    value, gradient = value_and_gradient(loss, np.array([1000, -1000, 1000, -1000], dtype), [1, 0, 0, 1])
    assert value == 2000
    np.testing.assert_array_equal(gradient, [0, 0, 1, -1])


def test_adding_a_constant_to_the_logits_changes_nothing():
    value, gradient = value_and_gradient(SoftmaxCrossEntropy(), LOGITS, CLASSES)
    moved, dmoved = value_and_gradient(SoftmaxCrossEntropy(), LOGITS + 1024, CLASSES)  # exact but for 10 of 53 bits
    assert moved == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(dmoved, gradient, rtol=1e-11)


def test_a_sure_and_right_answer_costs_next_to_nothing_but_not_nothing():
    # a margin of 30 costs log(1 + exp(-30)) = exp(-30) = 9e-14, though log(0.9999...) of rounded probabilities has
    # an error of 1e-16, a thousandth of it; the binary loss has log1p and keeps all its digits
    assert SoftmaxCrossEntropy().forward([[30.0, 0.0]], [0]) == pytest.approx(np.exp(-30), rel=2e-3, abs=0)
    assert SigmoidBinaryCrossEntropy().forward([30.0], [1]) == pytest.approx(np.exp(-30), rel=1e-12, abs=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_probability_of_zero_costs_as_much_as_the_smallest_number(dtype):
    y_hat = np.array([[1, 0]], dtype)
    value, gradient = value_and_gradient(CategoricalCrossEntropy(), y_hat, [1])
    assert value == pytest.approx(-np.log(float(np.finfo(dtype).tiny)), rel=1e-6)
    assert not gradient.any()


# ---- after a Softmax or a Sigmoid ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("y", [CLASSES, SOFT], ids=["indices", "soft"])
@pytest.mark.parametrize("weights", [None, [0.5, 1.0, 0.0, 3.0]], ids=["plain", "weighted"])
def test_softmax_and_then_cross_entropy_equal_the_fused_loss(reduction, y, weights):
    softmax, loss = Softmax(), CategoricalCrossEntropy(reduction=reduction)
    value = loss.forward(softmax.forward(LOGITS), y, sample_weights=weights)
    gradient = softmax.backward(loss.backward())
    fused, dfused = value_and_gradient(SoftmaxCrossEntropy(reduction=reduction), LOGITS, y, sample_weights=weights)
    assert value == pytest.approx(fused, rel=1e-12)
    np.testing.assert_allclose(gradient, dfused, rtol=1e-12, atol=1e-12)


def test_softmax_and_then_cross_entropy_equal_the_fused_loss_on_sequences(rng):
    logits, y = rng.normal(size=(4, 5, 6)), rng.integers(0, 6, size=(4, 5))
    softmax, loss = Softmax(), CategoricalCrossEntropy()
    value = loss.forward(softmax.forward(logits), y)
    gradient = softmax.backward(loss.backward())
    fused, dfused = value_and_gradient(SoftmaxCrossEntropy(), logits, y)
    assert value == pytest.approx(fused, rel=1e-12)
    np.testing.assert_allclose(gradient, dfused, rtol=1e-12, atol=1e-12)


def test_cross_entropy_of_probabilities_by_hand():
    # -(log(0.5) + log(0.25)) / 2 = 1.5 * log(2); the derivatives are -1 / 0.5 and -1 / 0.25, over 2 examples
    value, gradient = value_and_gradient(CategoricalCrossEntropy(), [[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]], [0, 1])
    assert value == pytest.approx(1.5 * np.log(2), rel=1e-12)
    np.testing.assert_array_equal(gradient, [[-1, 0, 0], [0, -2, 0]])


# ---- sigmoid and binary cross-entropy --------------------------------------------------------------------------------

SCORES = np.array([[1.5, -0.3], [-2.0, 0.0], [0.7, 4.0]])
TARGETS = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.25]])
DSCORES_SUM = np.array(
    [
        [-0.18242552380635635, 0.425557483188341],
        [-0.8807970779778824, -0.5],
        [0.6681877721681662, 0.7320137900379085],
    ]
)


@pytest.mark.parametrize(("reduction", "expected"), [("mean", 1.2828632818095775), ("sum", 7.697179690857466)])
def test_binary_cross_entropy_against_pytorch(reduction, expected):
    # PyTorch 2.13.0, float64: torch.nn.functional.binary_cross_entropy_with_logits
    value, gradient = value_and_gradient(SigmoidBinaryCrossEntropy(reduction=reduction), SCORES, TARGETS)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, DSCORES_SUM / (6 if reduction == "mean" else 1), **EXACT)


def test_binary_cross_entropy_of_one_logit_for_each_example():
    # logits log(3) and 0: y_hat = 3/4 and 1/2; -log(3/4) for y = 1 and -log(1/2) for y = 0
    loss = SigmoidBinaryCrossEntropy(reduction="sum")
    value, gradient = value_and_gradient(loss, np.log([3.0, 1.0]), [1, 0])
    assert value == pytest.approx(np.log(4 / 3) + np.log(2), rel=1e-12)
    np.testing.assert_allclose(gradient, [-0.25, 0.5], rtol=1e-14)


def test_binary_cross_entropy_equals_two_classes_of_which_one_has_logit_zero(rng):
    logits, y = rng.normal(size=20), rng.integers(0, 2, size=20)
    value, gradient = value_and_gradient(SigmoidBinaryCrossEntropy(), logits, y)
    two, dtwo = value_and_gradient(SoftmaxCrossEntropy(), np.stack([np.zeros(20), logits], axis=1), y)
    assert value == pytest.approx(two, rel=1e-12)
    np.testing.assert_allclose(gradient, dtwo[:, 1], rtol=1e-13)


def test_the_binary_gradient_is_y_hat_minus_y():
    _, gradient = value_and_gradient(SigmoidBinaryCrossEntropy(reduction="sum"), SCORES, TARGETS)
    np.testing.assert_allclose(gradient, Sigmoid().forward(SCORES) - TARGETS, rtol=1e-14)


def test_binary_label_smoothing_equals_smoothed_labels():
    value, gradient = value_and_gradient(SigmoidBinaryCrossEntropy(label_smoothing=0.2), SCORES, TARGETS)
    smoothed, dsmoothed = value_and_gradient(SigmoidBinaryCrossEntropy(), SCORES, 0.8 * TARGETS + 0.1)
    assert value == pytest.approx(smoothed, rel=1e-12)
    np.testing.assert_allclose(gradient, dsmoothed, **EXACT)


def test_binary_class_weights_equal_sample_weights():
    value, gradient = value_and_gradient(SigmoidBinaryCrossEntropy(class_weights=[1.0, 3.0]), SCORES, TARGETS)
    # y = 1 weighs 3, y = 0 weighs 1, and y = 0.25 on average 0.75 * 1 + 0.25 * 3 = 1.5
    weights = [[3.0, 1.0], [3.0, 3.0], [1.0, 1.5]]
    weighted, dweighted = value_and_gradient(SigmoidBinaryCrossEntropy(), SCORES, TARGETS, sample_weights=weights)
    assert value == pytest.approx(weighted, rel=1e-12)
    np.testing.assert_allclose(gradient, dweighted, **EXACT)


def test_smoothing_does_not_change_the_binary_class_weights():
    loss = SigmoidBinaryCrossEntropy(class_weights=[1.0, 3.0], label_smoothing=0.2)
    smoothed = SigmoidBinaryCrossEntropy(label_smoothing=0.2)
    weights = [[3.0, 1.0], [3.0, 3.0], [1.0, 1.5]]
    assert loss.forward(SCORES, TARGETS) == pytest.approx(smoothed.forward(SCORES, TARGETS, weights), rel=1e-12)


# ---- bad input -------------------------------------------------------------------------------------------------------

probabilities_or_logits = pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), CategoricalCrossEntropy()], ids=repr)


@probabilities_or_logits
@pytest.mark.parametrize("bad", [[0, 1, 3], [0, -1, 2], [7, 8, 9]])
def test_labels_out_of_range_are_refused(loss, bad):
    with pytest.raises(ValueError, match=rf"y must hold classes 0 \.\. 2, got {min(bad)} \.\. {max(bad)}"):
        loss.forward(np.full((3, 3), 1 / 3), bad)


@probabilities_or_logits
@pytest.mark.parametrize("bad", [np.uint64(2**64 - 1), np.uint64(2**63), np.int64(-(2**63)), np.int64(2**63 - 1)])
def test_labels_far_out_of_range_do_not_wrap_around(loss, bad):
    with pytest.raises(ValueError, match=rf"y must hold classes 0 \.\. 2, got .*{bad}"):
        loss.forward(np.full((2, 3), 1 / 3), np.array([0, bad], bad.dtype))


@probabilities_or_logits
@pytest.mark.parametrize("bad", [np.array([0.0, 1.0, 2.0]), np.array([True, False, True]), np.array(["a", "b", "c"])])
def test_labels_that_are_not_integers_are_refused(loss, bad):
    with pytest.raises(TypeError, match=rf"y must hold class indices as integers, got dtype {bad.dtype}"):
        loss.forward(np.full((3, 3), 1 / 3), bad)


@probabilities_or_logits
@pytest.mark.parametrize("shape", [(2,), (4,), (3, 1), (1, 3), (3, 2), (3, 3, 1), ()])
def test_labels_of_another_shape_are_refused(loss, shape):
    with pytest.raises(ValueError, match=r"y must have shape \(3,\) \(class indices\) or \(3, 3\) \(one row for each"):
        loss.forward(np.full((3, 3), 1 / 3), np.zeros(shape, int))


@probabilities_or_logits
@pytest.mark.parametrize("row", [[0.5, 0.4, 0.0], [1, 1, 0], [0, 0, 0], [-0.5, 1.0, 0.5], [1, 2, 0]])
def test_rows_that_are_not_probabilities_are_refused(loss, row):
    with pytest.raises(
        ValueError, match=r"rows of y must be one-hot or probabilities that sum to 1, got elements from "
    ):
        loss.forward(np.full((2, 3), 1 / 3), [[1, 0, 0], row])


@probabilities_or_logits
@pytest.mark.parametrize("shape", [(3,), (3, 1), (1, 1), (2, 3, 1)])
def test_a_single_class_is_refused(loss, shape):
    with pytest.raises(ValueError, match=r"must have shape \(N, C\) with C of at least 2, got \("):
        loss.forward(np.ones(shape), np.zeros(shape[:-1], int))


@pytest.mark.parametrize(
    "row", [[2.0, -1.0], [0.5, 0.49], [0.3, 0.3], [1.2, -0.2]], ids=["logits", "off", "small", "negative"]
)
def test_predictions_that_are_not_probabilities_are_refused(row):
    with pytest.raises(
        ValueError, match=r"y_hat must be probabilities whose rows sum to 1.*for logits use SoftmaxCross"
    ):
        CategoricalCrossEntropy().forward([[0.5, 0.5], row], [0, 1])


@pytest.mark.parametrize("bad", [-0.1, 1.1, 2.0])
def test_binary_targets_outside_0_to_1_are_refused(bad):
    with pytest.raises(ValueError, match=r"SigmoidBinaryCrossEntropy\(\): y must be in \[0, 1\], got "):
        SigmoidBinaryCrossEntropy().forward([0.0, 0.0], [0.0, bad])


@pytest.mark.parametrize("kind", [SoftmaxCrossEntropy, SigmoidBinaryCrossEntropy])
@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (-0.1, r"in \[0, 1\)"),
        (1.0, r"in \[0, 1\)"),
        (1.5, r"in \[0, 1\)"),
        (np.nan, r"in \[0, 1\)"),
        (np.inf, r"in \[0, 1\)"),
    ],
)
def test_label_smoothing_outside_0_to_1_is_refused(kind, bad, rule):
    with pytest.raises(ValueError, match=rf"^{kind.__name__}: label_smoothing must be {rule}, got {bad}$"):
        kind(label_smoothing=bad)


@pytest.mark.parametrize("kind", [SoftmaxCrossEntropy, SigmoidBinaryCrossEntropy])
@pytest.mark.parametrize("bad", ["0.1", None, True, [0.1]])
def test_label_smoothing_that_is_no_number_is_refused(kind, bad):
    with pytest.raises(TypeError, match=rf"^{kind.__name__}: label_smoothing must be a number, got "):
        kind(label_smoothing=bad)


def test_numbers_of_numpy_do_not_change_the_dtype():
    for loss in (SoftmaxCrossEntropy, SigmoidBinaryCrossEntropy):
        scores = np.array([[0.0, 1.0]], np.float32)
        assert value_and_gradient(loss(label_smoothing=np.float64(0.1)), scores, [[0, 1]])[1].dtype == np.float32


@pytest.mark.parametrize("kind", [SoftmaxCrossEntropy, SigmoidBinaryCrossEntropy])
@pytest.mark.parametrize("bad", [[1.0, -1.0], [1.0, np.nan], [np.inf, 1.0]])
def test_class_weights_below_zero_or_not_finite_are_refused(kind, bad):
    with pytest.raises(ValueError, match=rf"^{kind.__name__}: class_weights must be finite and not negative, got \["):
        kind(class_weights=bad)


@pytest.mark.parametrize("bad", [[], [1.0], 2.0, [[1.0, 2.0]], np.ones((3, 3))])
def test_class_weights_of_a_wrong_shape_are_refused(bad):
    with pytest.raises(
        ValueError, match=r"^SoftmaxCrossEntropy: class_weights must have shape \(C,\) with C of at least"
    ):
        SoftmaxCrossEntropy(class_weights=bad)
    with pytest.raises(ValueError, match=r"^SigmoidBinaryCrossEntropy: class_weights must have shape \(2,\), got "):
        SigmoidBinaryCrossEntropy(class_weights=bad)


def test_class_weights_of_another_kind_are_refused():
    with pytest.raises(TypeError, match=r"^SoftmaxCrossEntropy: class_weights must hold real numbers, got dtype <U1$"):
        SoftmaxCrossEntropy(class_weights=["a", "b"])


@pytest.mark.parametrize("weights", [[1.0, 2.0], [1.0, 2.0, 3.0, 4.0]])
@pytest.mark.parametrize("y", [CLASSES, SOFT], ids=["indices", "soft"])
def test_another_number_of_classes_than_of_class_weights_is_refused(weights, y):
    with pytest.raises(
        ValueError, match=rf"logits must have as many classes as class_weights, {len(weights)}, got \(4, 3"
    ):
        SoftmaxCrossEntropy(class_weights=weights).forward(LOGITS, y)


def test_classes_that_weigh_nothing_have_no_mean():
    with pytest.raises(ValueError, match=r"the weights must not all be zero"):
        SoftmaxCrossEntropy(class_weights=[0.0, 1.0, 1.0]).forward(LOGITS, [0, 0, 0, 0])
