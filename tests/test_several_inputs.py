"""Training with x as a dict of arrays, for a network of several inputs."""

import re

import numpy as np
import pytest

from layers import LSTM, Dense, Dropout, Embedding, Graph, Join, LastStep, Padded, ReLU, Sequential
from losses import MeanSquaredError, SoftmaxCrossEntropy
from optimizers import Adam
from training import (
    Diagnostics,
    accuracy,
    batches,
    evaluate,
    fit,
    layer_outputs,
    learning_rate_range_test,
    load,
    overfit_one_batch,
    save,
    train_test_split,
)


def network():
    return Graph(
        {
            **{"seen": (Dense(4, 8), "image"), "read": (Embedding(5, 8), "word"), "both": (Join(), "seen", "read")},
            **{"active": (ReLU(), "both"), "noisy": (Dropout(0.2), "active"), "out": (Dense(16, 3), "noisy")},
        },
        rng=0,
    )


@pytest.fixture
def data(rng):
    """Return x and y: the class depends on both inputs."""
    x = {"image": rng.normal(size=(60, 4)).astype(np.float32), "word": rng.integers(0, 5, 60)}
    return x, x["word"] % 2 + (x["image"][:, 0] > 0)


def run(model, data, **options):
    x, y = data
    return fit(model, SoftmaxCrossEntropy(), Adam(0.01), x, y, rng=0, verbose=False, **{"epochs": 3, **options})


def test_fit_trains_on_a_dict(data):
    history = run(network(), data, epochs=100, validation=data, metrics=accuracy)
    assert history.loss[-1] < 0.5 * history.loss[0]
    assert history.validation_accuracy[-1] > 0.9


def test_a_dict_and_batches_of_dicts_are_the_same(data):
    x, y = data
    one, other = network(), network()
    first = run(one, data, shuffle=False, batch_size=16)
    parts = [({name: array[i : i + 16] for name, array in x.items()}, y[i : i + 16]) for i in range(0, 60, 16)]
    second = fit(other, SoftmaxCrossEntropy(), Adam(0.01), parts, epochs=3, verbose=False)
    assert first.loss == second.loss
    np.testing.assert_array_equal(one.parameters, other.parameters)


def test_the_order_of_the_dict_does_not_matter(data):
    x, y = data
    one, other = network(), network()
    run(one, data)
    run(other, (dict(reversed(x.items())), y))
    np.testing.assert_array_equal(one.parameters, other.parameters)


def test_rows_stay_together(data):
    # each row of both arrays and of y holds its own number
    n = np.arange(60)
    for x, y in batches({"a": n[:, np.newaxis] * 2, "b": n * 3}, n, batch_size=7, rng=0):
        np.testing.assert_array_equal(x["a"][:, 0], 2 * y)
        np.testing.assert_array_equal(x["b"], 3 * y)
    x_train, x_test, y_train, y_test = train_test_split({"a": n * 2, "b": n * 3}, n, 20, rng=0)
    for x, y, length in ((x_train, y_train, 40), (x_test, y_test, 20)):
        assert len(y) == length
        np.testing.assert_array_equal(x["a"], 2 * y)
        np.testing.assert_array_equal(x["b"], 3 * y)


def test_sample_weights_go_with_their_rows(data):
    x, y = data
    weights = (np.arange(60) < 30).astype(float)
    half = {name: array[:30] for name, array in x.items()}
    loss = evaluate(network(), SoftmaxCrossEntropy(), x, y, sample_weights=weights, batch_size=7)["loss"]
    assert loss == pytest.approx(evaluate(network(), SoftmaxCrossEntropy(), half, y[:30])["loss"], rel=1e-6)
    history = run(network(), data, sample_weights=weights, batch_size=60, shuffle=False, epochs=1)
    assert history.loss[0] == pytest.approx(loss, rel=1e-6)


def test_a_resumed_training_ends_in_the_same_bits(data, tmp_path):
    whole, first, second = network(), network(), network()
    history = run(whole, data, epochs=4, validation=data)
    run(first, data, epochs=2, validation=data, checkpoint=tmp_path / "run.npz")
    resumed = run(second, data, epochs=4, validation=data, checkpoint=tmp_path / "run.npz", resume=True)
    np.testing.assert_array_equal(whole.parameters, second.parameters)
    assert history.loss == resumed.loss


def test_weights_go_into_a_file_and_not_into_another_wiring(tmp_path):
    model = network()
    save(tmp_path / "graph.npz", model)
    other = network()
    other.initialize(1)
    load(tmp_path / "graph.npz", other)
    np.testing.assert_array_equal(model.parameters, other.parameters)
    nodes = {"a": (Dense(2, 2), "x"), "b": (Dense(2, 2), "a")}
    save(tmp_path / "chain.npz", Graph(nodes))
    with pytest.raises(ValueError, match="Graph"):
        load(tmp_path / "chain.npz", Graph({"a": (Dense(2, 2), "b"), "b": (Dense(2, 2), "x")}))


def test_checks_before_a_training_take_a_dict(data):
    x, y = data
    few = {name: array[:6] for name, array in x.items()}
    assert overfit_one_batch(network(), SoftmaxCrossEntropy(), Adam(0.05), few, y[:6], target=0.3)
    found = learning_rate_range_test(network(), SoftmaxCrossEntropy(), Adam(0.01), x, y, rng=0, steps=60)
    assert len(found.losses) > 10


def test_diagnostics_watch_every_node(data):
    diagnostics = Diagnostics(every=1, verbose=False)
    run(network(), data, callbacks=[diagnostics])
    assert list(diagnostics.layers) == ["seen", "read", "both", "active", "noisy", "out"]
    assert list(diagnostics["mean"]) == list(diagnostics.layers)
    names = [name for name, _, out in layer_outputs(network(), data[0])]
    assert names == list(diagnostics.layers)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"word": np.zeros(59, int)}, ValueError, "x and y must have the same length of at least 1, got shapes image "
         "(60, 4), word (59,) and y (60,)"),
        ({"word": np.array(3)}, ValueError, "got shapes image (60, 4), word () and y (60,)"),
        ({"more": np.zeros(60)}, TypeError, "must be given 2 inputs, image, word, got image, word, more by name"),
        ({"word": np.zeros(60)}, TypeError, "Embedding(5, 8), layer read: x must hold"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(data, change, error, message):
    x, y = data
    model = network()
    before = model.parameters.copy()
    with pytest.raises(error, match=re.escape(message)):
        run(model, ({**x, **change}, y))
    np.testing.assert_array_equal(model.parameters, before)


def test_what_is_missing_is_said(data):
    x, y = data
    with pytest.raises(ValueError, match="got shapes of no array and y"):
        run(network(), ({}, y))
    with pytest.raises(TypeError, match="fit: x must come with y, or be an iterable of batches"):
        fit(network(), SoftmaxCrossEntropy(), Adam(0.01), x, epochs=1)
    with pytest.raises(TypeError, match="forward must be given 2 inputs, image, word, got image by name"):
        run(network(), ({"image": x["image"]}, y))
    with pytest.raises(ValueError, match="fit: validation: x and y must have the same length of at least 1"):
        run(network(), (x, y), validation=(x, y[:5]))
    with pytest.raises(ValueError, match="fit: sample_weights must have length 60, as x, got shape"):
        run(network(), (x, y), sample_weights=np.ones(3))


def test_nan_is_found_in_the_input_that_has_it(data):
    x, y = data
    parts = [(x, y), ({**x, "image": np.full((60, 4), np.nan)}, y)]
    diagnostics = Diagnostics(verbose=False)
    with pytest.raises(ValueError, match="fit: image must be finite, but is not in epoch 1, batch 1"):
        fit(network(), SoftmaxCrossEntropy(), Adam(0.01), iter(parts), epochs=1, callbacks=[diagnostics], verbose=False)
    assert diagnostics.warnings[-1].startswith("NaN or infinity in the data: image of epoch 1, batch 1")


def test_several_outputs_and_one_loss_are_refused(data):
    model = Graph({"a": (Dense(4, 3), "image"), "b": (Dense(4, 3), "image")})
    message = "model must give one out for MeanSquaredError(), got a, b; several losses are a loop of one's own"
    x = data[0]["image"]
    with pytest.raises(TypeError, match=re.escape(f"fit: {message}")):
        fit(model, MeanSquaredError(), Adam(0.01), x, np.zeros((60, 3)), epochs=1)
    with pytest.raises(TypeError, match=re.escape(f"evaluate: {message}")):
        evaluate(model, MeanSquaredError(), x, np.zeros((60, 3)))


def test_a_chain_is_given_no_dict(data):
    with pytest.raises(TypeError, match="x must hold real numbers, got dict"):
        run(Sequential([Dense(4, 3)]), data)


def test_an_input_may_be_padded(rng):
    # the class is that of the last word: nothing behind it counts
    words, lengths = rng.integers(0, 3, (60, 5)), rng.integers(1, 6, 60)
    x = {"image": rng.normal(size=(60, 4)), "words": Padded(words, lengths)}
    y = words[np.arange(60), lengths - 1]
    reader = Sequential([Embedding(3, 8), LSTM(8, 8), LastStep()])
    model = Graph(
        {"seen": (Dense(4, 4), "image"), "read": (reader, "words"), "both": (Join(), "seen", "read"),
         "out": (Dense(12, 3), "both")},
        rng=0,
    )  # fmt: skip
    history = fit(model, SoftmaxCrossEntropy(), Adam(0.02), x, y, epochs=40, rng=0, metrics=accuracy, verbose=False)
    assert history.accuracy[-1] > 0.9
    others = {**x, "words": Padded(np.where(np.arange(5) < lengths[:, np.newaxis], words, 2 - words), lengths)}
    np.testing.assert_array_equal(model.predict(x), model.predict(others))
    np.testing.assert_allclose(model.predict(x, batch_size=7), model.predict(x), rtol=1e-5)
    assert model.trace(x).values["read"].shape == (60, 8)
    out = Graph({"read": (Embedding(3, 2), "words")}).forward(x["words"])
    np.testing.assert_array_equal(out.lengths, lengths)


def test_arrays_of_a_dict_are_not_copied_whole(tmp_path, data):
    x, y = data
    mapped = np.lib.format.open_memmap(tmp_path / "image.npy", mode="w+", dtype=np.float32, shape=(60, 4))
    mapped[:] = x["image"]
    one, other = network(), network()
    run(one, data)
    run(other, ({**x, "image": mapped}, y))
    np.testing.assert_array_equal(one.parameters, other.parameters)
