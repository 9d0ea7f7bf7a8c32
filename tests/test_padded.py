"""Padded rows: cut like arrays, opened by containers, and nothing in them depends on the padding."""

import copy
import pickle

import numpy as np
import pytest
from test_gradients import LAYERS, drawn, named

from layers import (
    GRU,
    LSTM,
    BatchNorm,
    Concatenate,
    Container,
    Conv1D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Identity,
    LastStep,
    Layer,
    LayerNorm,
    Max,
    Mean,
    Min,
    Padded,
    Residual,
    RMSNorm,
    SequenceDropout,
    Sequential,
    SimpleRNN,
    Softmax,
    Sum,
    Tanh,
    check_gradients,
)
from layers.contract import real_steps, without_padding
from losses import CategoricalCrossEntropy, Hinge, MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from optimizers import SGD
from training import accuracy, batches, evaluate, fit, mean_absolute_error, overfit_one_batch, train_test_split

LENGTHS = np.array([3, 6, 0, 1])
MASK = real_steps(LENGTHS, 6)


def bidirectional(n_inputs=3):
    return Concatenate([LSTM(n_inputs, 2)], [GRU(n_inputs, 3, reverse=True)])


def network(*ends):
    """Return a chain in which every layer that can take padding has its place."""
    block = Residual([Dense(5, 5), Tanh(), RMSNorm(5)])
    layers = [Dense(3, 3), bidirectional(), SequenceDropout(0.0), block, LayerNorm(5), Sequential([SimpleRNN(5, 4)])]
    return Sequential([*layers, *ends], dtype=np.float64, rng=0)


NETWORKS = {
    "steps": lambda: network(Dense(4, 3)),
    "probabilities": lambda: network(Dense(4, 3), Dropout(0.0), Softmax()),
    "last step": lambda: network(LastStep(), Dense(4, 3)),
    "mean": lambda: network(GlobalAveragePool(), Dense(4, 3)),
    "maximum": lambda: network(GlobalMaxPool(), Dense(4, 3)),
    "sum by a gate": lambda: network(Sum(axis=1), Dense(4, 3)),
    "mean by a gate": lambda: network(Mean(axis=1), Dense(4, 3)),
    "maximum by a gate": lambda: network(Max(axis=1), Dense(4, 3)),
    "minimum by a gate": lambda: network(Min(axis=1), Dense(4, 3)),
    "of each step": lambda: network(
        Sequential([Max(axis=2, keepdims=True), Mean(axis=-1, keepdims=True), Dense(1, 2)])
    ),
    "branches": lambda: network(Concatenate(LastStep(), GlobalMaxPool(), [Dense(4, 2), GlobalAveragePool()])),
    "projection": lambda: Residual([LSTM(3, 4)], projection=[Dense(3, 4)], rng=0),
    "way around": lambda: Residual([LSTM(3, 3)], rng=0),
}
every_network = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)


@pytest.fixture
def x(rng):
    return rng.normal(size=(4, 6, 3))


# ---- the container of rows -------------------------------------------------------------------------------------------


def test_it_is_cut_by_rows_like_an_array(x):
    padded = Padded(x, LENGTHS)
    assert (len(padded), padded.shape, padded.ndim, padded.dtype) == (4, (4, 6, 3), 3, np.float64)
    for rows in (slice(1, 3), np.array([3, 0, 0]), [2, 1], np.array([True, False, False, True])):
        part = padded[rows]
        np.testing.assert_array_equal(part.x, x[rows])
        np.testing.assert_array_equal(part.lengths, LENGTHS[rows])
    np.testing.assert_array_equal(padded.steps, x[MASK])


@pytest.mark.parametrize("rows", [0, (0, 1), (slice(2), 0), [[0]], "a", None, [0.5]])
def test_it_is_cut_by_nothing_else(x, rows):
    with pytest.raises((TypeError, ValueError), match="Padded: it is cut by rows"):
        Padded(x, LENGTHS)[rows]


def test_it_keeps_lengths_of_its_own_and_copies_and_pickles(x):
    lengths = LENGTHS.copy()
    padded = Padded(x, lengths)
    lengths[:] = 0
    for other in (padded, copy.deepcopy(padded), pickle.loads(pickle.dumps(padded))):
        np.testing.assert_array_equal(other.lengths, LENGTHS)
    assert padded.x is x


@pytest.mark.parametrize(
    ("lengths", "error", "message"),
    [
        ([7, 0, 0, 0], ValueError, "lengths must be from 0 to the number of steps, 6, got 7 in row 0"),
        ([0, 0, 0, -1], ValueError, "got -1 in row 3"),
        ([1, 2], ValueError, r"lengths must have shape \(4,\), one for each row, got \(2,\)"),
        ([1.0, 2.0, 3.0, 4.0], TypeError, "lengths must hold whole numbers, got dtype float64"),
        (None, TypeError, "lengths must hold whole numbers, got dtype object"),
    ],
)
def test_lengths_must_fit(x, lengths, error, message):
    with pytest.raises(error, match="^Padded: .*" + message):
        Padded(x, lengths)


@pytest.mark.parametrize("shape", [(), (4,), (4, 0, 3)])
def test_x_must_have_steps(shape):
    with pytest.raises(ValueError, match=r"^Padded: x must have shape \(N, T, ...\) with at least one step"):
        Padded(np.zeros(shape), np.zeros(shape[:1], int))


def test_its_lengths_are_not_lost_on_the_way_into_an_array(x):
    padded = Padded(x, LENGTHS)
    for take in (np.asarray, np.array, Dense(3, 2).forward, LSTM(3, 2).forward, Tanh().predict):
        with pytest.raises(TypeError, match="Padded: as an array it would lose its lengths"):
            take(padded)


def test_without_padding_copies_only_where_something_stands_in_it(x):
    zeroed = without_padding(x, LENGTHS)
    np.testing.assert_array_equal(zeroed, np.where(MASK[..., np.newaxis], x, 0))
    assert without_padding(zeroed, LENGTHS) is zeroed
    zeroed[0, 5] = -0.0
    assert not np.signbit(without_padding(zeroed, LENGTHS)[0, 5]).any()


# ---- through containers ----------------------------------------------------------------------------------------------


@every_network
def test_gradients_of_padded_rows(make, x):
    assert check_gradients(make(), Padded(x, LENGTHS)).largest <= 1e-7


@every_network
def test_each_row_is_as_if_it_were_alone_and_not_padded(make, x):
    model = make()
    out = model.predict(Padded(x, LENGTHS))
    for i, n in enumerate(LENGTHS):
        if n:
            alone = model.predict(x[i : i + 1, :n])[0]
            mine = out.x[i, :n] if isinstance(out, Padded) else out[i]
            np.testing.assert_allclose(mine, alone, rtol=1e-12, atol=1e-14)


def everything(model, x, lengths, dout):
    """Return the real part of all that a pass there and back gives, and the predictions."""
    out = model.forward(Padded(x, lengths))
    dx = model.backward(dout if isinstance(out, Padded) else dout[:, 0])
    assert not dx[~real_steps(lengths, x.shape[1])].any()
    predicted = model.predict(Padded(x, lengths))
    given = [each.steps if isinstance(each, Padded) else each for each in (out, predicted)]
    states = [part for entry in flat(model.state) for part in (entry if isinstance(entry, tuple) else [entry])]
    return [*given, dx[real_steps(lengths, x.shape[1])], *states, model.gradients.copy()]


def flat(state):
    for entry in state:
        if isinstance(entry, tuple) and not isinstance(entry[0], np.ndarray):
            yield from flat(entry)
        elif entry is not None:
            yield entry


@every_network
@pytest.mark.parametrize("value", [1e300, -0.0, np.inf, np.nan])
def test_any_value_in_the_padding_gives_the_same_bits(make, value, x, rng):
    model = make()
    out = model.predict(Padded(x, LENGTHS))
    dout = rng.normal(size=(4, 6, out.shape[-1]))
    expected = everything(model, x, LENGTHS, dout)
    x[~MASK] = value
    if isinstance(out, Padded):
        dout[~MASK] = value
    for array, other in zip(everything(model, x, LENGTHS, dout), expected, strict=True):
        assert array.tobytes() == other.tobytes()


@every_network
def test_any_amount_of_padding_gives_the_same(make, x, rng):
    model = make()
    dout = rng.normal(size=(4, 6, model.predict(Padded(x, LENGTHS)).shape[-1]))
    expected = everything(model, x, LENGTHS, dout)
    longer, dlonger = (np.concatenate([a, np.full((4, 300, a.shape[2]), np.nan)], axis=1) for a in (x, dout))
    for array, other in zip(everything(model, longer, LENGTHS, dlonger), expected, strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-12, atol=1e-13)


@every_network
def test_full_rows_are_as_if_they_had_no_lengths(make, x):
    model = make()
    out = model.predict(Padded(x, [6, 6, 6, 6]))
    # a mean is made of shares where there are lengths, which rounds otherwise
    np.testing.assert_allclose(out.x if isinstance(out, Padded) else out, model.predict(x), rtol=1e-12, atol=1e-15)


def test_tokens_may_be_anything_in_the_padding(rng):
    model = Sequential([Embedding(5, 3), bidirectional(), LastStep()], rng=0)
    tokens = rng.integers(0, 5, (4, 6))
    expected = model.predict(Padded(tokens, LENGTHS))
    tokens[~MASK] = -100
    np.testing.assert_array_equal(model.predict(Padded(tokens, LENGTHS)), expected)


def test_the_arrays_of_the_caller_are_not_changed(x, rng, unchanged):
    model, dout = network(), rng.normal(size=(4, 6, 4))
    x[~MASK] = dout[~MASK] = 7.0
    with unchanged(x, dout):
        model.forward(Padded(x, LENGTHS))
        model.backward(dout)


@every_network
def test_batches_of_predict_are_joined(make, x):
    model = make()
    whole, parts = model.predict(Padded(x, LENGTHS)), model.predict(Padded(x, LENGTHS), batch_size=3)
    if isinstance(whole, Padded):
        np.testing.assert_array_equal(parts.lengths, whole.lengths)
        whole, parts = whole.steps, parts.steps
    np.testing.assert_allclose(parts, whole, rtol=1e-12, atol=1e-14)


def test_lengths_beside_x_are_those_of_a_padded_one(x):
    model = network()
    out = model.forward(x, lengths=LENGTHS)
    assert type(out) is np.ndarray
    np.testing.assert_array_equal(out[MASK], model.predict(Padded(x, LENGTHS)).steps)
    np.testing.assert_array_equal(model.predict(x, lengths=LENGTHS)[MASK], out[MASK])


class Wide(Layer):
    """A user's layer that says nothing of lengths."""

    def forward(self, x):
        self._cache = True
        return 2 * x

    def backward(self, dout):
        self._recall()
        return 2 * dout


class Around(Container):
    """A user's container, which knows nothing of lengths."""

    def forward(self, x):
        return self.layers[0].forward(x)


@pytest.mark.parametrize(
    "layer",
    [
        Flatten(),
        Sum(axis=(1, 2)),
        Mean(axis=-2),
        BatchNorm(3),
        Conv1D(3, 3, 2),
        Wide(),
        Around([Dense(3, 3)]),
        Softmax(axis=1),
        Sequential([Flatten()]),
    ],
    ids=repr,
)
def test_a_layer_that_cannot_say_what_becomes_of_lengths_is_named_before_anything_happens(layer, x, unchanged):
    model = Sequential([Dense(3, 3), layer])
    message = r"layer 1(\.0)?: x must have no padding, since this layer cannot say what becomes of lengths"
    buffers = [getattr(layer, name) for name in layer.buffers]
    with unchanged(model.parameters, *buffers), pytest.raises(TypeError, match=message):
        model.forward(Padded(x, LENGTHS))
    with pytest.raises(TypeError, match=message):
        model.predict(Padded(x, LENGTHS))
    with pytest.raises(RuntimeError, match="needs a forward"):
        model[0].backward(np.ones((4, 6, 3)))


def is_sequence(x):
    return len(x if isinstance(x, tuple) else x.shape) == 3


SINGLE = [row for row in LAYERS if row[0].step_by_step and not row[0].takes_lengths and is_sequence(row[1])]


@pytest.mark.parametrize(("layer", "inputs"), named(SINGLE))
def test_a_layer_that_says_that_it_works_step_by_step_does(layer, inputs, rng):
    (x,) = drawn(rng, inputs)
    out = layer.predict(x)
    for t in range(x.shape[1]):
        np.testing.assert_allclose(layer.predict(x[:, t : t + 1]), out[:, t : t + 1], rtol=1e-12, atol=1e-14)


def test_branches_must_agree_in_their_lengths(x):
    with pytest.raises(ValueError, match="the branches must leave the lengths of their rows alike"):
        Concatenate(LastStep(), Identity()).forward(Padded(x, LENGTHS))
    with pytest.raises(ValueError, match="the branches must leave the lengths of their rows alike"):
        Residual([LastStep()]).forward(Padded(x, LENGTHS))


def test_numbers_without_features_are_no_steps():
    with pytest.raises(ValueError, match=r"x must have shape \(N, T, D\) where there are lengths, got \(4, 6\)"):
        Sequential([Dense(6, 2)]).forward(Padded(np.zeros((4, 6)), LENGTHS))


def test_a_padded_x_has_its_lengths_already(x):
    with pytest.raises(TypeError, match="lengths must be None where x is a Padded"):
        network().forward(Padded(x, LENGTHS), lengths=LENGTHS)


# ---- losses ----------------------------------------------------------------------------------------------------------

LABELS = np.random.default_rng(1).integers(0, 3, (4, 6))
PREDICTIONS = np.random.default_rng(2).normal(size=(4, 6, 3))
SOFT = np.exp(PREDICTIONS) / np.exp(PREDICTIONS).sum(axis=-1, keepdims=True)
TARGETS = np.random.default_rng(3).uniform(size=(4, 6, 3))
CASES = [
    (SoftmaxCrossEntropy(), PREDICTIONS, LABELS),
    (SoftmaxCrossEntropy("sum", label_smoothing=0.1, class_weights=[1.0, 2.0, 0.5]), PREDICTIONS, LABELS),
    (SoftmaxCrossEntropy(class_weights=[1.0, 2.0, 0.5]), PREDICTIONS, SOFT[::-1]),
    (CategoricalCrossEntropy(), SOFT, LABELS),
    (SigmoidBinaryCrossEntropy(), PREDICTIONS, TARGETS),
    (SigmoidBinaryCrossEntropy(), PREDICTIONS[..., 0], LABELS % 2),
    (MeanSquaredError(), PREDICTIONS, TARGETS),
    (MeanSquaredError("sum"), PREDICTIONS[..., 0], TARGETS[..., 0]),
    (Hinge(), PREDICTIONS, LABELS),
]
of_cases = pytest.mark.parametrize(("loss", "predictions", "y"), CASES, ids=lambda value: repr(value)[:50])


@of_cases
@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0, 3.0, 0.5]), np.linspace(0, 1, 24).reshape(4, 6)])
def test_a_loss_is_that_of_the_real_steps_and_divides_by_them(loss, predictions, y, weights):
    per_step = (
        None if weights is None else (weights if weights.ndim == 2 else np.repeat(weights, 6).reshape(4, 6))[MASK]
    )
    if weights is not None and predictions.ndim == 3 and y.ndim == 3 and not isinstance(loss, SoftmaxCrossEntropy):
        per_step = np.repeat(per_step, 3).reshape(-1, 3)
        weights = weights if weights.ndim == 1 else np.repeat(weights, 3).reshape(4, 6, 3)
    expected = loss.forward(predictions[MASK], y[MASK], per_step)
    divisor, gradient = loss.divisor, loss.backward()
    for padding in (0, np.nan):
        spoiled, spoiled_y = predictions.copy(), y.copy()
        spoiled[~MASK] = padding
        spoiled_y[~MASK] = -7
        for targets in (spoiled_y, Padded(spoiled_y, LENGTHS)):
            assert loss.forward(Padded(spoiled, LENGTHS), targets, weights) == expected
            assert loss.divisor == divisor
            dpredictions = loss.backward()
            np.testing.assert_array_equal(dpredictions[MASK], gradient)
            assert dpredictions.shape == predictions.shape
            assert not dpredictions[~MASK].any()


@pytest.mark.parametrize(
    ("predictions", "y", "error", "message"),
    [
        (Padded(PREDICTIONS, LENGTHS), LABELS[:, :5], ValueError, r"y must have the rows and steps of predictions"),
        (Padded(PREDICTIONS, LENGTHS), Padded(LABELS, LENGTHS[::-1]), ValueError, "must have the same lengths, got"),
        (PREDICTIONS, Padded(LABELS, LENGTHS), TypeError, "predictions must have lengths, as y has, got ndarray"),
        (Padded(PREDICTIONS, [0, 0, 0, 0]), LABELS, ValueError, "at least one prediction must count, got none of 24"),
    ],
)
def test_padded_predictions_and_targets_must_fit(predictions, y, error, message):
    loss = SoftmaxCrossEntropy()
    with pytest.raises(error, match=r"^SoftmaxCrossEntropy\(\): .*" + message):
        loss.forward(predictions, y)
    with pytest.raises(RuntimeError, match="needs a forward"):
        loss.backward()


def test_weights_of_padded_predictions_must_fit():
    with pytest.raises(ValueError, match=r"sample_weights must have shape \(4,\) or \(4, 6\), got \(3,\)"):
        SoftmaxCrossEntropy().forward(Padded(PREDICTIONS, LENGTHS), LABELS, np.ones(3))


# ---- training --------------------------------------------------------------------------------------------------------


def trained(x, y, **options):
    model = Sequential([Dense(3, 3), bidirectional(), Dense(5, 3)], dtype=np.float64, rng=0)
    history = fit(model, SoftmaxCrossEntropy(), SGD(0.1), x, y, epochs=2, batch_size=2, rng=0, verbose=False, **options)
    return model, history


def test_training_is_the_same_whatever_stands_in_the_padding_and_however_much_there_is(x):
    options = {"metrics": accuracy}
    model, history = trained(Padded(x, LENGTHS), LABELS, validation=(Padded(x, LENGTHS), LABELS), **options)
    spoiled, y = np.concatenate([x, x], axis=1), np.concatenate([LABELS, LABELS], axis=1)
    mask = real_steps(LENGTHS, 12)
    spoiled[~mask], y[~mask] = np.nan, -1
    validation = (Padded(spoiled, LENGTHS), Padded(y, LENGTHS))
    other, its = trained(Padded(spoiled, LENGTHS), y, validation=validation, **options)
    np.testing.assert_allclose(other.parameters, model.parameters, rtol=1e-12, atol=1e-14)
    for name in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
        np.testing.assert_allclose(getattr(its, name), getattr(history, name), rtol=1e-12)


@pytest.mark.parametrize("parts", [2, 4])
def test_parts_of_padded_batches_are_as_the_whole(x, parts):
    def parameters(**options):
        model = Sequential([SequenceDropout(0.3), LSTM(3, 4), Dense(4, 3)], dtype=np.float64, rng=0)
        loss, options = SoftmaxCrossEntropy(ignore=-1), {"epochs": 2, "rng": 0, "verbose": False, **options}
        fit(model, loss, SGD(0.1), Padded(x, LENGTHS), np.where(LABELS == 2, -1, LABELS), batch_size=4, **options)
        return model.parameters

    # in four parts, the row of length 0 is a part in which nothing counts
    np.testing.assert_allclose(parameters(parts=parts), parameters(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4])
def test_evaluate_is_exact_for_every_batch_size(x, batch_size):
    # a batch of the row of length 0 alone has nothing that counts
    model, _ = trained(Padded(x, LENGTHS), LABELS)
    metrics = {"accuracy": accuracy, "own": lambda scores, y: float((scores.argmax(axis=-1) == y).mean())}
    found = evaluate(model, SoftmaxCrossEntropy(), Padded(x, LENGTHS), LABELS, batch_size=batch_size, metrics=metrics)
    logits = model.predict(Padded(x, LENGTHS)).steps
    assert found["loss"] == pytest.approx(SoftmaxCrossEntropy().forward(logits, LABELS[MASK]), rel=1e-12)
    assert found["accuracy"] == found["own"] == np.mean(logits.argmax(axis=1) == LABELS[MASK])


def test_metrics_by_themselves_leave_out_padding(x):
    assert accuracy(Padded(PREDICTIONS, LENGTHS), LABELS) == accuracy(PREDICTIONS[MASK], LABELS[MASK])
    assert mean_absolute_error(Padded(PREDICTIONS, LENGTHS), TARGETS) == pytest.approx(
        mean_absolute_error(PREDICTIONS[MASK], TARGETS[MASK]), rel=1e-14
    )


def test_one_batch_of_padded_rows_can_be_overfitted(x):
    model = Sequential([LSTM(3, 8), Dense(8, 3)], rng=0)
    assert overfit_one_batch(model, SoftmaxCrossEntropy(), SGD(1.0, momentum=0.9), Padded(x, LENGTHS), LABELS)


def test_batches_and_parts_of_padded_rows(x):
    padded = Padded(x, LENGTHS)
    found = list(batches(padded, LABELS, batch_size=3, rng=0))
    assert [len(part) for part, _ in found] == [3, 1]
    assert sorted(n for part, _ in found for n in part.lengths) == sorted(LENGTHS)
    x_train, x_test, y_train, y_test = train_test_split(padded, LABELS, 0.5, rng=0)
    assert len(x_train) == len(x_test) == len(y_train) == len(y_test) == 2
    assert sorted([*x_train.lengths, *x_test.lengths]) == sorted(LENGTHS)
