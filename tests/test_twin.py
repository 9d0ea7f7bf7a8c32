"""Twins: predict leaves nothing behind, whatever the layer is, and threads do not meet."""

import copy
import threading

import numpy as np
import pytest

from layers import (
    BatchNorm,
    Concatenate,
    Container,
    Conv2D,
    Dense,
    Dropout,
    Identity,
    Layer,
    ReLU,
    Residual,
    Sequential,
)
from training import layer_outputs

X = np.random.default_rng(0).normal(size=(5, 4))


def network():
    layers = [Dense(4, 6), BatchNorm(6), ReLU(), Dropout(0.4), Residual([Dense(6, 6), BatchNorm(6), Dropout(0.5)])]
    return Sequential([*layers, Concatenate(Identity(), [Dense(6, 2), BatchNorm(2)])], dtype=np.float64, rng=0)


class Counting(Layer):
    """A user's layer that counts its calls, and keeps a buffer and a list."""

    buffers = ("mean",)

    def __init__(self):
        super().__init__(factor=(1,))
        self.mean = np.zeros(1)
        self.calls = 0
        self.inner = [ReLU()]

    def forward(self, x):
        self.calls += 1
        self.mean += 1.0
        self._cache = x
        return self.inner[0].forward(x) + self.factor

    def backward(self, dout, input_gradient=True):
        raise NotImplementedError


def snapshot(layer):
    leaves = [*layer.leaves(), ("", layer)]
    return [{k: copy.copy(v) for k, v in vars(leaf).items()} for _, leaf in leaves], layer.state_dict()


def same(a, b):
    return set(a) == set(b) and all(
        np.array_equal(a[k], b[k]) if isinstance(a[k], np.ndarray) else a[k] is b[k] or a[k] == b[k]
        for k in a
        if k not in ("noise", "_layers", "inner")
    )


@pytest.mark.parametrize("layer", [network(), Counting(), Sequential([Counting(), ReLU()]), Dense(4, 2), BatchNorm(4)])
def test_predict_leaves_nothing_behind(layer):
    attributes, state = snapshot(layer)
    first, second = layer.predict(X), layer.predict(X)
    np.testing.assert_array_equal(first, second)
    after, state_after = snapshot(layer)
    assert all(same(a, b) for a, b in zip(attributes, after, strict=True))
    assert all(np.array_equal(state[name], state_after[name]) for name in state)


def test_a_layer_inside_a_layer_of_ones_own_remembers_nothing_either():
    layer = Counting()
    layer.predict(X)
    with pytest.raises(RuntimeError, match="needs a forward"):
        layer.inner[0].backward(X)


def test_a_backward_still_to_come_is_not_disturbed():
    model, other = network(), network()
    dout = np.ones((5, 8))
    for each in (model, other):
        each.forward(X)
    model.predict(X[::-1])
    np.testing.assert_array_equal(model.backward(dout), other.backward(dout))
    np.testing.assert_array_equal(model.gradients, other.gradients)


def test_predict_that_calls_the_predict_of_its_base():
    class Half(Dense):
        def predict(self, x):
            return super().predict(x) / 2

    class Around(Container):
        def forward(self, x):
            return self.layers[0].forward(x)

    layer = Half(4, 2, rng=0)
    expected = Dense(4, 2, rng=0).predict(X) / 2
    np.testing.assert_array_equal(layer.predict(X), expected)
    np.testing.assert_array_equal(Around([layer]).predict(X), expected)  # inside, forward is predict


def test_a_twin_shares_the_arrays_and_has_attributes_of_its_own():
    layer = Dense(4, 2, rng=0)
    twin = layer.twin()
    assert twin.weights is layer.weights
    assert type(twin) is Dense
    twin.note = 1
    assert not hasattr(layer, "note")
    layer.weights = np.ones((4, 2))
    assert np.all(twin.weights == 1)


def test_threads_predict_what_one_thread_does_while_the_network_trains_on():
    block = Residual([Dense(6, 6), ReLU(), Dropout(0.5)], projection=Dense(6, 6))
    model = Sequential([Dense(4, 6), Dropout(0.3), block, Concatenate(Identity(), Dense(6, 2))], rng=0)
    expected = model.predict(X)
    wrong = []

    def ask():
        for _ in range(50):
            if not np.array_equal(model.predict(X), expected):
                wrong.append("another prediction")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(100):  # passes without a step
        model.forward(X)
        model.backward(np.ones((5, 8)))
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_every_layer_puts_out_is_that_of_predict(rng):
    model = network()
    found = list(layer_outputs(model, X))
    assert [name for name, _, _ in found][:5] == ["0", "1", "2", "3", "4.0"]
    assert [layer for _, layer, _ in found] == [layer for _, layer in model.leaves()]
    np.testing.assert_array_equal(found[0][2], model[0].predict(X))
    assert all("predict" not in vars(layer) for _, layer in model.leaves())


def test_a_single_layer_can_be_looked_into_too():
    layer = Conv2D(1, 2, 3)
    ((name, seen, out),) = layer_outputs(layer, np.ones((1, 4, 4, 1)))
    assert (name, seen, out.shape) == ("", layer, (1, 2, 2, 2))
