"""Noise is a function of the seed, the step and the row; what draws is saved wherever a layer keeps it."""

import copy
import functools
import itertools
import pickle
import random
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from layers import Dense, Dropout, Dropout2D, Layer, Noise, ReLU, Residual, Sequential
from losses import MeanSquaredError, SoftmaxCrossEntropy
from optimizers import SGD, Adam
from training import fit, load, save

# ---- places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7,), (7, 1), (7, 2), (6, 3), (9, 5, 3), (5, 2, 3, 4)])
def test_every_part_of_a_batch_gets_what_the_whole_gets_there(shape, dtype, rng):
    whole = Noise(rng=1)
    for step in (0, 1, 10**9):
        whole.place(step)
        numbers = whole.draw(shape, dtype)
        assert numbers.dtype == dtype
        cuts = [0, *np.sort(rng.integers(0, shape[0] + 1, 3)), shape[0]]
        for start, stop in itertools.pairwise(cuts):
            part = Noise(rng=1)
            part.place(step, row=int(start))
            np.testing.assert_array_equal(part.draw((stop - start, *shape[1:]), dtype), numbers[start:stop])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_two_rows_steps_or_seeds_are_alike(dtype):
    # means, and products of neighbors, of 40,000 uniform numbers: standard deviations 1 / sqrt(12 * 40,000), 0.0015,
    # and sqrt(7 / 144 / 40,000), 0.0011
    numbers = np.stack([[noise.draw((200, 201), dtype) for _ in range(8)] for noise in (Noise(rng=0), Noise(rng=1))])
    centered = numbers.astype(float) - 0.5
    assert np.abs(centered.mean(axis=(2, 3))).max() < 5 * 0.0015
    flat = centered.reshape(16, -1)
    correlations = flat @ flat.T / flat.shape[1] * 12
    assert np.abs(correlations - np.eye(16)).max() < 5 * 12 * 0.0011
    for shift in (1, 2, 201, 402):
        assert np.abs((flat[:, shift:] * flat[:, :-shift]).mean(axis=1)).max() < 5 * 0.0011
    assert len(np.unique(numbers)) > 0.98 * numbers.size


def test_the_share_of_zeros_is_the_rate_in_every_row_and_step():
    layer = Dropout(0.3, rng=0)
    zeros = np.stack([layer.forward(np.ones((50, 400), np.float32)) == 0 for _ in range(50)])
    # of 400, of 20,000: sqrt(0.21 / n)
    assert np.abs(zeros.mean(axis=2) - 0.3).max() < 5 * np.sqrt(0.21 / 400)
    assert np.abs(zeros.mean(axis=(1, 2)) - 0.3).max() < 5 * np.sqrt(0.21 / 20_000)
    assert np.abs(zeros.mean(axis=(0, 1)) - 0.3).max() < 5 * np.sqrt(0.21 / 2_500)


def noisy(seed=0):
    inner = Residual([Dense(6, 6), Dropout(0.5)])
    return Sequential([Dense(3, 6), Dropout(0.4), inner, Dense(6, 2), Dropout(0.1)], rng=seed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parts_of_a_batch_go_through_a_network_as_the_whole_does(dtype, rng):
    model, x = noisy(), rng.normal(size=(11, 3)).astype(dtype)
    model.place(5)
    out = model.forward(x)
    for start, stop in ((0, 4), (4, 5), (5, 11)):
        model.place(5, row=start)
        np.testing.assert_allclose(model.forward(x[start:stop]), out[start:stop], rtol=1e-5)


def test_channels_go_by_rows_too(rng):
    layer, x = Dropout2D(0.5, rng=0), rng.normal(size=(5, 2, 3, 7))
    out = layer.forward(x)
    layer.place(0, row=2)
    np.testing.assert_array_equal(layer.forward(x[2:]), out[2:])


def test_a_layer_alone_counts_its_forwards(rng):
    first, second, x = Dropout(0.5, rng=0), Dropout(0.5, rng=0), rng.normal(size=(4, 5))
    outs = [first.forward(x) for _ in range(3)]
    assert not any(np.array_equal(a, b) for a, b in itertools.combinations(outs, 2))
    for step in (2, 0, 1):  # a script that says nothing makes the noise of `fit`
        second.place(step)
        np.testing.assert_array_equal(second.forward(x), outs[step])
        assert not any(np.array_equal(second.forward(x), out) for out in outs)  # again in this step


def test_a_layer_that_goes_forward_twice_in_a_step_has_other_noise_each_time_and_in_every_step(rng):
    class Twice(Sequential):
        def forward(self, x):
            return super().forward(super().forward(x))

    model, x = Twice([Dropout(0.5, rng=0)]), np.ones((8, 33), np.float32)
    noise, seen = model[0].noise, []
    for step in range(3):
        model.place(step)
        out = model.forward(x)
        noise.place(step)
        seen += [noise.draw(x.shape) for _ in range(2)]
        for start, stop in ((0, 3), (3, 8)):
            model.place(step, row=start)
            np.testing.assert_array_equal(model.forward(x[start:stop]), out[start:stop])
    assert not any(np.array_equal(a, b) for a, b in itertools.combinations(seen, 2))


def test_a_twin_draws_its_part_and_leaves_the_layer_where_it_is(rng):
    layer, x = Dropout(0.5, rng=0), rng.normal(size=(40, 7))
    out = Dropout(0.5, rng=0).forward(x)

    def part(start):
        twin = layer.twin()
        twin.place(0, row=start)
        return twin.forward(x[start : start + 5])

    with ThreadPoolExecutor(4) as threads:
        for _ in range(20):
            np.testing.assert_array_equal(np.concatenate([*threads.map(part, range(0, 40, 5))]), out)
    np.testing.assert_array_equal(layer.forward(x), out)


@pytest.mark.parametrize("dtype", ["float32", np.dtype("f4"), "f8"])
def test_a_dtype_may_have_any_of_its_names(dtype):
    whole, part = Noise(rng=0), Noise(rng=0)
    part.place(0, row=2)
    np.testing.assert_array_equal(part.draw((2, 3), dtype), whole.draw((4, 3), np.dtype(dtype).type)[2:])
    with pytest.raises(TypeError, match=r"^Noise: dtype must be float32 or float64, got float16$"):
        whole.draw((2, 3), np.float16)


def test_what_was_drawn_before_does_not_matter(rng):
    # the generator goes from where it stands, over the end of its period too
    noise, fresh = Noise(rng=3), lambda: Noise(rng=3)
    for _ in range(200):
        step, row, shape = int(rng.integers(2**53)), int(rng.integers(10**6)), (*rng.integers(1, 9, size=2),)
        dtype, one = rng.choice([np.float32, np.float64]), fresh()
        noise.place(step, row)
        one.place(step, row)
        np.testing.assert_array_equal(noise.draw(shape, dtype), one.draw(shape, dtype))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_goes_on_by_itself(copied, rng):
    model, x = noisy(), rng.normal(size=(4, 3))
    model.forward(x)
    other = copied(model)
    expected = [other.forward(x) for _ in range(2)]
    np.testing.assert_array_equal([model.forward(x) for _ in range(2)], expected)


def test_a_copy_holds_numbers_alone_and_shares_no_generator():
    noise = Noise(rng=0)
    noise.draw((2, 3))
    for other in (copy.copy(noise), copy.deepcopy(noise), pickle.loads(pickle.dumps(noise))):
        assert vars(other) == {"seed": noise.seed, "step": 1, "row": 0, "n_draws": None}


def test_what_is_loaded_begins_with_the_first_row(tmp_path, rng):
    model, x = noisy(), rng.normal(size=(4, 3))
    save(tmp_path / "a.npz", model)
    expected = model.forward(x)
    model.place(3, row=2)
    load(tmp_path / "a.npz", model)
    np.testing.assert_array_equal(model.forward(x), expected)


def test_predict_and_a_pass_of_a_callback_do_not_change_the_noise_of_a_training(rng):
    x, y = rng.normal(size=(20, 3)), rng.integers(2, size=20)

    def looks(run):
        run.model.forward(run.batch[0])
        run.model.predict(run.batch[0])

    losses = []
    for callbacks in ([], [type("Looks", (), {"on_batch_begin": staticmethod(looks)})()]):
        options = {"epochs": 3, "batch_size": 6, "callbacks": callbacks, "rng": 0, "verbose": False}
        losses.append(fit(noisy(), SoftmaxCrossEntropy(), SGD(0.1), x, y, **options).loss)
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("step", "row", "error", "message"),
    [
        (-1, 0, ValueError, "Noise: step must be at least 0, got -1"),
        (0, -1, ValueError, "Noise: row must be at least 0, got -1"),
        (1.0, 0, TypeError, "Noise: step must be a whole number, got 1.0"),
        (0, True, TypeError, "Noise: row must be a whole number, got True"),
    ],
)
def test_a_place_that_is_none_is_refused(step, row, error, message):
    model = noisy()
    with pytest.raises(error, match=f"^{message}$"):
        model.place(step, row)
    assert [(noise.step, noise.row) for _, noise in model.noises()] == [(0, 0)] * 3


# ---- files -----------------------------------------------------------------------------------------------------------


def test_a_resume_needs_the_step_alone(tmp_path, rng):
    x, y = rng.normal(size=(20, 3)), rng.integers(2, size=20)
    options = {"batch_size": 6, "rng": 0, "verbose": False}
    whole = noisy()
    expected = fit(whole, SoftmaxCrossEntropy(), Adam(0.01), x, y, epochs=4, **options)
    path = tmp_path / "run.npz"
    fit(noisy(), SoftmaxCrossEntropy(), Adam(0.01), x, y, epochs=2, checkpoint=path, **options)
    other = noisy(7)
    history = fit(other, SoftmaxCrossEntropy(), Adam(0.01), x, y, epochs=4, checkpoint=path, resume=True, **options)
    assert history.loss == expected.loss
    np.testing.assert_array_equal(other.parameters, whole.parameters)
    assert [(noise.step, noise.n_draws) for _, noise in other.noises()] == [(15, 1)] * 3


def test_a_file_with_streams_loads_and_training_goes_on(tmp_path, rng):
    # written by `fit` when a Dropout had a stream of its own; the state of the stream is a seed now
    from pathlib import Path

    from layers import BatchNorm, Tanh

    make = lambda: Sequential([Dense(2, 4), BatchNorm(4), Tanh(), Dropout(0.2), Dense(4, 2)], rng=1)  # noqa: E731
    outs, path = [], Path(__file__).parent / "version_2.npz"
    for _ in range(2):
        model, optimizer = make(), Adam(0.01)
        history = load(path, model, optimizer=optimizer)
        assert (history.epoch, round(history.loss[-1], 6)) == ([0, 1, 2, 3], 0.71161)
        assert round(float(model.parameters.sum()), 5) == 4.90876
        outs.append(model.forward(np.ones((5, 2))))
    np.testing.assert_array_equal(*outs)
    x, y = rng.normal(size=(40, 2)), rng.integers(2, size=40)
    (tmp_path / "run.npz").write_bytes(path.read_bytes())
    options = {"epochs": 5, "checkpoint": tmp_path / "run.npz", "resume": True, "rng": 9, "verbose": False}
    assert fit(make(), SoftmaxCrossEntropy(), Adam(0.01), x, y, **options).epoch == [0, 1, 2, 3, 4, 5]


class Jitter(Layer):
    """out = x + the next numbers of whatever `draw` finds in `kept`."""

    def __init__(self, kept, draw):
        super().__init__()
        self.kept, self.draw = kept, draw

    def forward(self, x):
        self._cache = True
        return x + self.draw(self.kept)

    def backward(self, dout):
        self._recall()
        return dout


def stream():
    return np.random.default_rng(3)


class Slotted:
    __slots__ = ("inner",)

    def __init__(self):
        self.inner = stream()


KEPT = {
    "attribute": (stream, lambda g: g.normal()),
    "list": (lambda: [None, [stream()]], lambda g: g[1][0].normal()),
    "dict": (lambda: {"a": {1: stream()}}, lambda g: g["a"][1].normal()),
    "tuple": (lambda: (stream(),), lambda g: g[0].normal()),
    "deque": (lambda: deque([stream()]), lambda g: g[0].normal()),
    "set of one": (lambda: {stream()}, lambda g: next(iter(g)).normal()),
    "method": (lambda: stream().normal, lambda g: g()),
    "partial": (lambda: functools.partial(stream().normal, 1.0), lambda g: g()),
    "closure": (lambda: (lambda g: lambda: g.normal())(stream()), lambda g: g()),
    "default": (lambda: lambda g=stream(): g.normal(), lambda g: g()),  # noqa: B008
    "slots": (Slotted, lambda g: g.inner.normal()),
    "array of objects": (lambda: np.array([stream()], dtype=object), lambda g: g[0].normal()),
    "dropout": (lambda: Dropout(0.5, rng=0), lambda g: g.forward(np.ones((1, 50))).sum()),
    "dropout in a dict": (lambda: {"a": [Dropout(0.5, rng=0)]}, lambda g: g["a"][0].forward(np.ones((1, 50))).sum()),
    "noise": (lambda: Noise(rng=0), lambda g: g.draw((1, 1)).item()),
}


@pytest.mark.parametrize("kind", KEPT)
def test_what_draws_is_saved_wherever_a_layer_keeps_it(kind, tmp_path):
    make, draw = KEPT[kind]
    x = np.ones((2, 1))
    model = Sequential([Dense(1, 1), Jitter(make(), draw)], rng=0)
    model.forward(x)
    save(tmp_path / "a.npz", model)
    expected = [model.forward(x) for _ in range(3)]
    other = Sequential([Dense(1, 1), Jitter(make(), draw)], rng=1)
    load(tmp_path / "a.npz", other)
    np.testing.assert_array_equal([other.forward(x) for _ in range(3)], expected)


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        (lambda: np.random.RandomState(0), "1.kept must be a Generator of numpy.random, or a Noise"),
        (lambda: [random.Random(0)], "1.kept.0 must be a Generator of numpy.random, or a Noise"),
        (lambda: np.random.normal, "1.kept.self must be a Generator of numpy.random, or a Noise"),
        (lambda: np.random.PCG64(0), "1.kept must be a Generator of numpy.random, or a Noise"),
        (lambda: {stream(), np.random.default_rng(4)}, "1.kept.set must be one source of random numbers, got several"),
        (lambda: {1: stream(), "1": stream()}, "1.kept.1 must be one source of random numbers, got several"),
    ],
)
def test_what_could_not_be_put_back_is_refused_when_it_is_saved(kept, message, tmp_path):
    model = Sequential([Dense(1, 1), Jitter(kept(), None)], rng=0)
    with pytest.raises(TypeError, match=message):
        save(tmp_path / "a.npz", model)
    assert not (tmp_path / "a.npz").exists()


def test_a_source_in_two_places_is_one():
    shared = stream()
    model = Sequential([Jitter(shared, None), Jitter([shared], None), ReLU()])
    assert [name for name, _ in model.sources()] == ["0.kept", "1.kept.0"]  # a layer each, and the same stream


def test_a_layer_that_holds_itself_is_gone_through_once():
    layer = Jitter([stream()], None)
    layer.kept.append(layer.kept)
    layer.own = {"me": layer}
    assert [name for name, _ in layer.sources()] == ["kept.0"]


def test_a_trainer_that_counts_no_steps_leaves_the_counting_to_the_layers(rng):
    class Plain:
        learning_rate = 0.1

        def step(self, model):
            model.parameters -= 0.1 * model.gradients

    model = Sequential([Dense(3, 1), Dropout(0.5)], rng=0)
    x = rng.normal(size=(8, 3))
    fit(model, MeanSquaredError(), Plain(), x, x[:, :1], epochs=2, batch_size=2, verbose=False, rng=0)
    assert model[1].noise.step == 8
