"""A batch in parts: sums that equal the whole batch, and what a part has of its own."""

import copy
import tracemalloc

import numpy as np
import pytest

from layers import (
    LSTM,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Dropout2D,
    Embedding,
    Flatten,
    LastStep,
    Layer,
    LayerNorm,
    Noise,
    Padded,
    ReLU,
    Residual,
    Sequential,
    Tanh,
)
from losses import MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from optimizers import SGD, Adam
from training import Callback, EarlyStopping, accuracy, evaluate, fit
from training.parts import parts_of


def dense(rng, dtype):
    n, d, c = (int(v) for v in rng.integers(2, 8, 3))
    inner = Residual([Dense(n, n), Dropout(float(rng.uniform(0, 0.9))), Tanh()])
    layers = [Dense(d, n), LayerNorm(n), ReLU(), Dropout(float(rng.uniform(0, 0.9))), inner, Dense(n, c)]
    seed = int(rng.integers(1000))
    return lambda: Sequential(copy.deepcopy(layers), dtype=dtype, rng=seed), (d,), c


def images(rng, dtype):
    c = int(rng.integers(2, 5))
    layers = [Conv2D(2, 3, 3, padding=1), Dropout2D(0.4), ReLU(), Flatten(), Dropout(0.2), Dense(48, c)]
    seed = int(rng.integers(1000))
    return lambda: Sequential(copy.deepcopy(layers), dtype=dtype, rng=seed), (4, 4, 2), c


class Gradients(Callback):
    """Keeps what each step was given."""

    def __init__(self):
        self.seen = []

    def on_backward_end(self, run):
        self.seen.append((run.model.gradients.copy(), np.copy(run.predictions), run.batch_loss, run.batch[0].copy()))


def one_epoch(make, loss, x, y, parts, **options):
    model, gradients = make(), Gradients()
    # a rate of 0: each step is compared from the same parameters
    options = {"epochs": 1, "callbacks": [gradients], "rng": 3, "verbose": False, **options}
    history = fit(model, loss, SGD(0.0, clip_norm=1e9), x, y, parts=parts, **options)
    return gradients.seen, history, model


@pytest.mark.parametrize("seed", range(60))
def test_parts_have_the_gradients_of_the_whole(seed):
    rng = np.random.default_rng(seed)
    dtype = [np.float64, np.float32][seed % 2]
    make, shape, c = [dense, images][seed % 3 == 0](rng, dtype)
    n = int(rng.integers(3, 40))
    x, reduction = rng.normal(size=(n, *shape)), ["mean", "sum"][seed % 5 == 0]
    of_classes = np.array([1.5, *rng.integers(0, 3, c - 1)]) if seed % 4 == 1 else None
    loss = SoftmaxCrossEntropy(reduction, ignore=-1, class_weights=of_classes)
    y = np.where(rng.random(n) < 0.3, -1, rng.integers(0, c, n))
    y[0] = 0  # one that counts
    weights = [None, np.where(rng.random(n) < 0.5, 0, rng.gamma(1, size=n))][seed % 2]
    if weights is not None:
        weights[0] = 1.0
    options = {"batch_size": n, "sample_weights": weights, "metrics": accuracy}
    (whole,), expected, _ = one_epoch(make, loss, x, y, 1, **options)
    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    for k in (2, 3, 7, n, n + 5):
        ((gradients, predictions, value, seen),), history, _ = one_epoch(make, loss, x, y, k, **options)
        scale = np.abs(whole[0]).max()
        np.testing.assert_allclose(gradients, whole[0], rtol=0, atol=tolerance * max(scale, 1e-3))
        np.testing.assert_allclose(predictions, whole[1], rtol=tolerance, atol=tolerance)
        assert value == pytest.approx(whole[2], rel=tolerance)
        np.testing.assert_array_equal(seen, whole[3])  # a callback has the batch before it is cut
        for name in ("loss", "accuracy", "gradient_norm"):
            np.testing.assert_allclose(history[name], expected[name], rtol=10 * tolerance, atol=1e-30)


def test_a_whole_training_in_parts_ends_where_the_whole_does(rng):
    x, y = rng.normal(size=(50, 4)), rng.integers(0, 3, 50)
    found = []
    for parts in (1, 2, 5):
        model = Sequential([Dense(4, 8), Tanh(), Dropout(0.3), Dense(8, 3)], dtype=np.float64, rng=0)
        options = {"batch_size": 16, "validation": (x[:9], y[:9]), "rng": 0, "verbose": False, "epochs": 5}
        stopping = EarlyStopping(patience=9, restore_best=False)
        history = fit(
            model, SoftmaxCrossEntropy(), Adam(0.01, clip_norm=0.1), x, y, parts=parts, callbacks=[stopping], **options
        )
        found.append((model.parameters.copy(), history.loss, history.validation_loss, history.gradient_norm[1:]))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            # 20 steps of Adam, whose quotients make much of a rounding
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


def test_one_part_is_the_plain_path(rng):
    x, y = rng.normal(size=(20, 4)), rng.integers(0, 3, 20)
    ends = []
    for options in ({}, {"parts": 1}):
        model = Sequential([Dense(4, 3), BatchNorm(3), Dropout(0.2)], rng=0)
        fit(model, SoftmaxCrossEntropy(), SGD(0.1), x, y, epochs=2, rng=0, verbose=False, **options)
        ends.append(model.state_dict())
    for name in ends[0]:
        np.testing.assert_array_equal(ends[0][name], ends[1][name])


def test_a_training_in_parts_is_the_same_bits_again_and_after_a_resume(tmp_path, rng):
    x, y = rng.normal(size=(30, 4)), rng.integers(0, 3, 30)
    layers = lambda: [Dense(4, 8), BatchNorm(8), Dropout(0.3), Dense(8, 3)]  # noqa: E731
    options = {"batch_size": 12, "parts": 3, "rng": 0, "verbose": False}
    whole = Sequential(layers(), rng=0)
    fit(whole, SoftmaxCrossEntropy(), Adam(0.01), x, y, epochs=4, **options)
    options["checkpoint"] = tmp_path / "run.npz"
    fit(Sequential(layers(), rng=0), SoftmaxCrossEntropy(), Adam(0.01), x, y, epochs=2, **options)
    other = Sequential(layers(), rng=5)
    fit(other, SoftmaxCrossEntropy(), Adam(0.01), x, y, epochs=4, resume=True, **options)
    for name, array in whole.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[name], array)


def test_a_checkpoint_says_in_how_many_parts_it_was_made_and_others_go_on_up_to_rounding(tmp_path, rng, capsys):
    x, y = rng.normal(size=(30, 4)), rng.integers(0, 3, 30)
    make = lambda: Sequential([Dense(4, 8), Dropout(0.3), Dense(8, 3)], dtype=np.float64, rng=0)  # noqa: E731
    loss, path, ends = SoftmaxCrossEntropy(), tmp_path / "run.npz", {}
    for parts in (3, 2, 1):
        fit(make(), loss, SGD(0.1), x, y, epochs=2, parts=3, checkpoint=path, rng=0, verbose=False)
        model = make()
        capsys.readouterr()
        fit(model, loss, SGD(0.1), x, y, epochs=4, parts=parts, checkpoint=path, resume=True, rng=0)
        first, *_ = capsys.readouterr().out.splitlines()
        more = f"; batches were in 3 parts, now in {parts}: the same up to rounding" if parts != 3 else ""
        assert first == f"resumed after epoch 2{more}"
        ends[parts] = model.parameters
    assert not np.array_equal(ends[3], ends[1])
    for parts in (2, 1):
        np.testing.assert_allclose(ends[parts], ends[3], rtol=1e-10, atol=1e-12)


# ---- what a part has of its own --------------------------------------------------------------------------------------


def test_batch_norm_takes_the_statistics_of_its_part_and_its_buffers_are_the_mean_of_the_parts(rng):
    x, y = rng.normal(size=(10, 2)), rng.normal(size=(10, 2))
    model = Sequential([BatchNorm(2, momentum=0.25)], dtype=np.float64)
    seen = Gradients()
    options = {"epochs": 1, "batch_size": 10, "shuffle": False, "callbacks": [seen], "verbose": False}
    fit(model, MeanSquaredError(), SGD(0.0), x, y, parts=3, **options)
    means, variances, outs = np.zeros(2), np.zeros(2), []
    for rows in (slice(0, 4), slice(4, 7), slice(7, 10)):
        part = x[rows]
        outs.append((part - part.mean(axis=0)) / np.sqrt(part.var(axis=0) + 1e-5))
        means += len(part) / 10 * (0.25 * part.mean(axis=0))
        variances += len(part) / 10 * (0.75 + 0.25 * part.var(axis=0, ddof=1))
    np.testing.assert_allclose(seen.seen[0][1], np.concatenate(outs), rtol=1e-12)
    np.testing.assert_allclose(model[0].running_mean, means, rtol=1e-12)
    np.testing.assert_allclose(model[0].running_variance, variances, rtol=1e-12)


def test_buffers_that_do_not_change_stay_what_they_are_to_the_bit(rng):
    class Fixed(Layer):
        buffers = ("table",)

        def __init__(self, table):
            super().__init__()
            self.table = table

        def forward(self, x):
            self._cache = True
            return x + self.table[0]

        def backward(self, dout):
            self._recall()
            return dout

    table = np.array([0.1, np.pi, -np.inf, np.nan])
    model = Sequential([Dense(2, 1), Fixed(table)], dtype=np.float64)
    x = rng.normal(size=(7, 2))
    fit(model, MeanSquaredError(), SGD(0.1), x, x[:, :1], epochs=5, parts=3, verbose=False)
    np.testing.assert_array_equal(model[1].table, table)


def test_an_error_in_a_part_leaves_buffers_and_places_as_before_the_step(rng):
    x, y = rng.normal(size=(9, 2)), rng.integers(0, 2, 9)
    y[7] = 5  # in the last part
    model = Sequential([BatchNorm(2), Dropout(0.2), Dense(2, 2)], rng=0)
    before, once = model.state_dict(), iter([(x, y)])  # which is not looked at before the first epoch
    with pytest.raises(ValueError, match=r"y must hold classes 0 \.\. 1"):
        fit(model, SoftmaxCrossEntropy(), SGD(0.1), once, epochs=1, parts=3, verbose=False)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert model[1].noise.row == 0


def test_noise_of_ones_own_is_that_of_the_whole(rng):
    class Jitter(Layer):
        def __init__(self):
            super().__init__()
            self.kept = {"noise": [Noise(rng=0)]}

        def forward(self, x):
            self._cache = True
            noise = self.kept["noise"][0]
            return x + noise.draw(x.shape, x.dtype) * noise.draw((len(x), 1), x.dtype)

        def backward(self, dout):
            return dout if self._recall() else None

    x = rng.normal(size=(11, 3))
    make = lambda: Sequential([Jitter(), Dense(3, 2), Jitter()], rng=0)  # noqa: E731
    options = {"batch_size": 4, "epochs": 2}
    whole, _, _ = one_epoch(make, MeanSquaredError(), x, x[:, :2], 1, **options)
    parts, _, _ = one_epoch(make, MeanSquaredError(), x, x[:, :2], 3, **options)
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a[1], b[1], rtol=1e-5, atol=1e-6)


# ---- what is cut -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", range(1, 9))
@pytest.mark.parametrize("n", range(1, 7))
def test_parts_are_contiguous_whole_and_of_nearly_one_size(n, k):
    parts = list(parts_of("fit", (np.arange(n), np.arange(n)), k))
    np.testing.assert_array_equal(np.concatenate([x for _, (x, _) in parts]), np.arange(n))
    sizes = [len(x) for _, (x, _) in parts]
    assert [row for row, _ in parts] == [sum(sizes[:i]) for i in range(len(parts))]
    assert len(parts) == min(n, k)
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) > 0


@pytest.mark.parametrize("of_steps", [False, True])
def test_padded_rows_are_cut_with_their_lengths(of_steps, rng):
    x = Padded(rng.integers(0, 9, (12, 5)), rng.integers(1, 6, 12))
    tags = rng.integers(0, 3, (12, 5))
    y, seen = tags if of_steps else tags[:, 0], []
    for k in (1, 5):
        tail = [] if of_steps else [LastStep()]
        model = Sequential([Embedding(9, 4), LSTM(4, 6), *tail, Dense(6, 3)], dtype=np.float64, rng=0)
        options = {"epochs": 3, "batch_size": 12, "metrics": accuracy, "rng": 0, "verbose": False}
        history = fit(model, SoftmaxCrossEntropy(), SGD(0.5), x, y, parts=k, **options)
        seen.append((history.loss, history.accuracy, model.parameters))
    for a, b in zip(*seen, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_batches_that_are_given_are_cut_too(rng):
    x, y = rng.normal(size=(10, 3)), rng.normal(size=(10, 1))
    found = []
    for k in (1, 4):
        model = Sequential([Dense(3, 1)], dtype=np.float64, rng=0)
        given = [(x[:7], y[:7], np.arange(7.0)), (x[7:].tolist(), y[7:].tolist(), np.zeros(3)), (x[9:], y[9:])]
        fit(model, MeanSquaredError(), SGD(0.1), given, epochs=3, parts=k, verbose=False)
        found.append(model.parameters.copy())
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_lengths_that_differ_are_refused_and_not_cut_short(rng):
    model = Sequential([Dense(3, 1)], rng=0)
    with pytest.raises(
        ValueError, match=r"x and its targets must have the same length, to be cut in parts, got \[4, 6"
    ):
        fit(
            model,
            MeanSquaredError(),
            SGD(0.1),
            [(np.ones((4, 3)), np.ones((6, 1)))],
            epochs=1,
            parts=2,
            verbose=False,
        )


def test_a_batch_in_which_nothing_counts_makes_no_step(rng):
    x, y = rng.normal(size=(4, 2)), np.array([-1, -1, 0, 1])
    found = []
    for k in (1, 2):
        model, optimizer = Sequential([Dense(2, 2)], rng=0), SGD(0.1)
        loss = SoftmaxCrossEntropy(ignore=-1)
        fit(model, loss, optimizer, x, y, epochs=2, batch_size=2, shuffle=False, parts=k, verbose=False)
        found.append((optimizer.steps, *model.parameters))
    assert found[0][0] == found[1][0] == 2
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_a_loss_without_a_divisor_is_a_mean_over_examples(rng):
    class Plain:
        def forward(self, predictions, y, sample_weights=None):
            w = np.ones(len(y)) if sample_weights is None else sample_weights
            self.gradient = 2 * w[:, None] * (predictions - y) / w.sum()
            return float((w[:, None] * (predictions - y) ** 2).sum() / w.sum())

        def backward(self):
            return self.gradient

    x, weights = rng.normal(size=(7, 3)), np.array([0, 0, 1, 2, 3, 0.5, 0])
    make = lambda: Sequential([Dense(3, 2)], dtype=np.float64, rng=0)  # noqa: E731
    for w in (None, weights):
        options = {"batch_size": 7, "sample_weights": w, "shuffle": False}
        (a,), h, _ = one_epoch(make, Plain(), x, x[:, :2], 1, **options)
        (b,), h2, _ = one_epoch(make, Plain(), x, x[:, :2], 3, **options)
        np.testing.assert_allclose(a[0], b[0], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(h.loss, h2.loss, rtol=1e-12)


def test_classes_that_weigh_nothing_add_nothing(rng):
    x, y = rng.normal(size=(6, 2)), np.array([0, 0, 1, 1, 0, 0])
    loss = SoftmaxCrossEntropy(class_weights=[0.0, 2.0])
    make = lambda: Sequential([Dense(2, 2)], dtype=np.float64, rng=0)  # noqa: E731
    (a,), _, _ = one_epoch(make, loss, x, y, 1, shuffle=False)
    (b,), _, _ = one_epoch(make, loss, x, y, 3, shuffle=False)
    np.testing.assert_allclose(a[0], b[0], rtol=1e-12, atol=1e-15)
    with pytest.raises(ValueError, match="the weights must not all be zero"):  # as the whole batch says it
        fit(make(), loss, SGD(0.1), x, np.zeros(6, int), epochs=1, parts=3, verbose=False)


# ---- evaluate, and arguments -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 3, 50])
def test_evaluate_in_parts_gives_the_same_numbers(k, rng):
    x, y = rng.normal(size=(23, 4)), rng.integers(0, 2, (23, 1)) + 0.0
    weights = np.where(rng.random(23) < 0.5, 0.0, 2.0)
    model = Sequential([Dense(4, 6), BatchNorm(6), Dropout(0.5), Dense(6, 1)], dtype=np.float64, rng=0)
    before = model.state_dict()
    options = {"sample_weights": weights, "metrics": {"mean": lambda p, y: float(p.mean())}, "batch_size": 9}
    whole = evaluate(model, SigmoidBinaryCrossEntropy(), x, y, **options)
    assert evaluate(model, SigmoidBinaryCrossEntropy(), x, y, parts=k, **options) == pytest.approx(whole, rel=1e-12)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(("parts", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)])
def test_parts_are_a_whole_number_from_one_on(parts, error, rng):
    x = rng.normal(size=(4, 2))
    model = Sequential([Dense(2, 2)], rng=0)
    with pytest.raises(error, match="fit: parts must be"):
        fit(model, MeanSquaredError(), SGD(0.1), x, x, epochs=1, parts=parts)
    with pytest.raises(error, match="evaluate: parts must be"):
        evaluate(model, MeanSquaredError(), x, x, parts=parts)


def test_parts_need_the_memory_of_one(rng):
    x, y = np.ones((64, 8), np.float32), np.zeros((64, 1), np.float32)
    peaks = []
    for k in (1, 16):
        model = Sequential([Dense(8, 4000), Tanh(), Dense(4000, 1)], rng=0)
        fit(model, MeanSquaredError(), SGD(0.1), x, y, epochs=1, batch_size=64, parts=k, verbose=False)  # warm
        tracemalloc.start()
        fit(model, MeanSquaredError(), SGD(0.1), x, y, epochs=1, batch_size=64, parts=k, verbose=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 0.4 * peaks[0]  # a part is a sixteenth, and there is one more vector of gradients


def test_layers_at_rest_are_at_rest_in_every_part(rng):
    x, y = rng.normal(size=(10, 4)), rng.integers(0, 2, 10)
    ends = []
    for k in (1, 4):
        model = Sequential([Dense(4, 3), BatchNorm(3), Dropout(0.5), Dense(3, 2)], dtype=np.float64, rng=0)
        model[0].rest()
        model[1].rest()
        fit(model, SoftmaxCrossEntropy(), SGD(0.1), x, y, epochs=3, parts=k, rng=0, verbose=False)
        ends.append(model.state_dict())
    for name, array in ends[0].items():
        np.testing.assert_allclose(ends[1][name], array, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(ends[1]["1.running_mean"], np.zeros(3))
