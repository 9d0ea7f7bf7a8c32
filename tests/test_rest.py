"""A layer at rest computes what predict does, lets the gradient pass, and is left alone by every optimizer."""

import copy
import pickle

import numpy as np
import pytest
from test_rules import RULES, fresh

from layers import (
    Add,
    BatchNorm,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Dropout2D,
    Embedding,
    Flatten,
    Graph,
    GroupNorm,
    Layer,
    LayerNorm,
    PReLU,
    Residual,
    Sequential,
    Tanh,
    check_gradients,
)
from losses import MeanSquaredError, SoftmaxCrossEntropy
from optimizers import SGD, Adam, AdamW
from training import fit, load, save


def network(seed=0, dtype=np.float64):
    inner = Residual([Dense(6, 6), BatchNorm(6), Dropout(0.5), Tanh()])
    branches = Concatenate([Dense(6, 3), Dropout(0.3)], [PReLU(6)])
    layers = [Dense(4, 6), BatchNorm(6), Dropout(0.4), Tanh(), inner, branches, Dense(9, 2)]
    model = Sequential(layers, rng=seed, dtype=dtype)
    rng = np.random.default_rng(seed)
    for _ in range(3):
        model.forward(rng.normal(size=(8, 4)))  # running means of their own
    return model


def leaves(model):
    return [leaf for _, leaf in model.leaves()]


@pytest.mark.parametrize("seed", range(25))
def test_any_layers_at_rest_leave_a_right_network(seed):
    rng = np.random.default_rng(seed)
    model, x = network(seed), rng.normal(size=(5, 4))
    for _, member in model.members():
        if rng.random() < 0.3:
            member.rest()
    for leaf in leaves(model):
        if rng.random() < 0.3:
            leaf.wake()
    report = check_gradients(model, x, randomize=False)
    resting = {name for name, leaf in model.leaves() if leaf.resting}
    checked = {name.rsplit(".", 1)[0] for name in report.errors if name != "x"}
    assert checked == {name for name, leaf in model.leaves() if leaf.shapes and name not in resting}
    state = model.state_dict()
    model.backward(np.ones_like(model.forward(x)), input_gradient=False)
    for name, leaf in model.leaves():
        if leaf.resting:
            assert not leaf.gradients.any()
            assert all(np.array_equal(getattr(leaf, b), state[f"{name}.{b}"]) for b in leaf.buffers)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Dense(3, 2), (5, 3)),
        (BatchNorm(3), (5, 3)),
        (BatchNorm(3), (1, 3)),
        (BatchNorm(2), (3, 4, 4, 2)),
        (Dropout(0.5), (5, 3)),
        (Dropout2D(0.5), (3, 4, 4, 2)),
        (Conv2D(2, 3, 3), (2, 5, 5, 2)),
        (LayerNorm(3), (5, 3)),
        (GroupNorm(4, 2), (2, 3, 3, 4)),
        (PReLU(3), (5, 3)),
        (network(), (5, 4)),
        (Sequential([Flatten(), Dropout(0.2)]), (2, 3, 3)),
    ],
)
def test_forward_is_predict_and_backward_its_derivative(layer, shape, rng):
    x = rng.normal(size=shape)
    layer = copy.deepcopy(layer)
    layer.rest()
    assert layer.resting
    assert not layer.learns
    np.testing.assert_array_equal(layer.forward(x), layer.predict(x))
    assert set(check_gradients(layer, x, randomize=False).errors) == {"x"}
    layer.wake()
    assert not layer.resting
    assert "backward" not in vars(layer)


def test_running_means_and_noise_stay(rng):
    model, x = network(), rng.normal(size=(8, 4))
    model.rest()
    before, steps = model.state_dict(), [noise.step for _, noise in model.noises()]
    outs = [model.forward(x) for _ in range(2)]
    np.testing.assert_array_equal(*outs)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert [noise.step for _, noise in model.noises()] == steps
    model.wake()
    assert not np.array_equal(model.forward(x), outs[0])


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}, {"clip_norm": 0.5}])
def test_every_optimizer_leaves_what_is_at_rest_alone_and_its_state(rule, options, rng):
    model, optimizer = network(), fresh(rule)
    for name, value in options.items():
        setattr(optimizer, name, value)
    x, y, loss = rng.normal(size=(8, 4)), rng.normal(size=(8, 2)), MeanSquaredError()

    def step():
        loss.forward(model.forward(x), y)
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step(model)

    step()
    model[0].rest()
    model[4].rest()
    before, state = model.parameters.copy(), optimizer.state_dict()
    for _ in range(3):
        step()
    still = np.concatenate([np.arange(s.start, s.stop) for n, s in model.layout.items() if n[:2] in ("0.", "4.")])
    moving = np.setdiff1d(np.arange(before.size), still)
    np.testing.assert_array_equal(model.parameters[still], before[still])
    for name in optimizer.state_names:
        np.testing.assert_array_equal(optimizer.state_dict()[name][still], state[name][still])
    assert np.mean(model.parameters[moving] != before[moving]) > 0.8
    model.wake()
    step()
    sloping = still[np.abs(model.gradients[still]) > 1e-6]
    assert sloping.size > 60
    assert np.all(model.parameters[sloping] != before[sloping])


def test_the_gradient_norm_is_that_of_what_learns(rng):
    model, optimizer = Sequential([Dense(4, 3), Dense(3, 2)], rng=0), SGD(0.0, clip_norm=1e9)
    model[0].rest()
    out = model.forward(rng.normal(size=(8, 4)))
    model.backward(np.ones_like(out))
    optimizer.step(model)
    assert optimizer.gradient_norm == pytest.approx(np.linalg.norm(model[1].gradients), rel=1e-6)


class Counted(Dense):
    """A Dense that counts the products of its backward."""

    def backward(self, dout, input_gradient=True):
        self.passes = getattr(self, "passes", 0) + 1
        return super().backward(dout, input_gradient)


def test_backward_stops_where_nothing_earlier_learns():
    model = Sequential([Counted(2, 2), Sequential([Counted(2, 2), Counted(2, 2)]), Counted(2, 2)], rng=0)
    counts = lambda: [getattr(leaf, "passes", 0) for leaf in leaves(model)]  # noqa: E731

    def go():
        for leaf in leaves(model):
            leaf.passes = 0
        model.backward(np.ones_like(model.forward(np.ones((3, 2)))), input_gradient=False)
        return counts()

    assert go() == [1, 1, 1, 1]
    model[0].rest()
    assert go() == [0, 1, 1, 1]
    model[1][0].rest()
    assert go() == [0, 0, 1, 1]
    model[1].rest()
    assert go() == [0, 0, 0, 1]
    model[1][0].wake()
    assert go() == [0, 1, 1, 1]
    model.rest()
    assert go() == [0, 0, 0, 0]
    model.wake()
    assert go() == [1, 1, 1, 1]


def test_what_was_remembered_before_is_gone():
    layer = BatchNorm(2)
    layer.forward(np.arange(6.0).reshape(3, 2))
    layer.rest()
    with pytest.raises(RuntimeError, match=r"backward\(\) needs a forward\(\) before it"):
        layer.backward(np.ones((3, 2)))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_and_pickles_are_at_rest_too(copied, rng):
    model = network()
    model[0].rest()
    model[4].rest()
    other, x = copied(model), rng.normal(size=(5, 4))
    assert [leaf.resting for leaf in leaves(other)] == [leaf.resting for leaf in leaves(model)]
    other.backward(np.ones_like(other.forward(x)))
    assert not other[0].gradients.any()
    assert other[6].gradients.any()
    other.gradients[...] = 0
    other.wake()
    other.backward(np.ones_like(other.forward(x)))
    assert other[0].gradients.any()
    assert model[0].resting


def test_a_layer_taken_over_stays_at_rest_in_its_new_network(rng):
    old = network()
    old.rest()
    new = Sequential([*copy.deepcopy(old.layers[:4]), Dense(6, 3)], rng=None)
    assert [layer.resting for layer in new] == [True, True, True, True, False]
    new.backward(np.ones_like(new.forward(rng.normal(size=(5, 4)))))
    assert not new.gradients[: new.layout["4.weights"].start].any()


def test_a_state_dict_does_not_know_of_it(tmp_path):
    model, other = network(), network(1)
    model.rest()
    other.load_state_dict(model.state_dict())
    assert not other.resting
    save(tmp_path / "a.npz", model)
    load(tmp_path / "a.npz", other)
    assert not any(leaf.resting for leaf in leaves(other))


def test_summary_shows_it():
    model = network()
    model[4].rest()
    lines = model.summary((4,)).splitlines()
    assert [line.split()[0] for line in lines if "at rest" in line] == ["4", "4.0", "4.1", "4.2", "4.3"]
    assert "BatchNorm(6), at rest" in model.summary((4,))


def test_fit_trains_what_is_awake_as_if_the_rest_were_data(rng):
    x, y = rng.normal(size=(40, 4)), rng.integers(2, size=40)
    model, options = network(), {"epochs": 3, "batch_size": 8, "rng": 0, "verbose": False}
    for layer in model.layers[:6]:
        layer.rest()
    before, features = model.state_dict(), Sequential(copy.deepcopy(model.layers[:6]), dtype=np.float64).predict(x)
    head = Sequential([copy.deepcopy(model[6])], dtype=np.float64)
    fit(model, SoftmaxCrossEntropy(), AdamW(0.05, weight_decay=0.1), x, y, **options)
    fit(head, SoftmaxCrossEntropy(), AdamW(0.05, weight_decay=0.1), features, y, **options)
    np.testing.assert_allclose(model[6].parameters, head.parameters, rtol=1e-12, atol=1e-14)
    for name, value in model.state_dict().items():
        if not name.startswith("6."):
            np.testing.assert_array_equal(value, before[name])


def test_an_embedding_at_rest_takes_integers():
    model = Sequential([Embedding(5, 3), Flatten(), Dense(6, 2)], rng=0)
    model[0].rest()
    model.backward(np.ones_like(model.forward(np.array([[0, 1], [2, 2]]))))
    assert not model[0].gradients.any()
    assert model[2].gradients.any()


# ---- frozen arrays ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "has"), [("1", "1.running_mean"), ("2", "2.noise"), ("4", "4.1.running_mean"), ("4.1", "4.1.running_mean")]
)
def test_a_layer_with_buffers_or_noise_is_not_to_be_frozen(name, has):
    model, optimizer = network(), Adam(0.1, frozen=("0", name))
    before = model.parameters.copy()
    with pytest.raises(ValueError, match=rf"frozen must name .* got '{name}', which has {has}.*: .* layer\.rest\(\)"):
        optimizer.step(model)
    np.testing.assert_array_equal(model.parameters, before)


def test_arrays_of_such_a_layer_may_be_frozen():
    model, optimizer = network(), Adam(0.1, frozen=("1.gain", "bias"))
    model.gradients[...] = 1
    before = model.state_dict()
    optimizer.step(model)
    after = model.state_dict()
    assert [n for n in after if np.array_equal(after[n], before[n]) and n in model.layout] == [
        n for n in model.layout if n == "1.gain" or n.endswith(".bias")
    ]


# ---- layers of one's own ---------------------------------------------------------------------------------------------


class Scale(Layer):
    """out = factor * x, and knows nothing of rest."""

    def __init__(self):
        super().__init__(factor=(1,))
        self.factor = [2.0]

    def forward(self, x):
        self._cache = x
        return x * self.factor

    def backward(self, dout, input_gradient=True):
        x = self._recall()
        self.dfactor = (dout * x).sum(keepdims=True).reshape(1)
        return dout * self.factor if input_gradient else None


class OwnPredict(Scale):
    def predict(self, x):
        return 3 * x


class OwnBuffers(Scale):
    buffers = ("mean",)

    def __init__(self):
        super().__init__()
        self.mean = np.zeros(1)


class LoudDropout(Dropout):
    def forward(self, x):
        return 2 * super().forward(x)


class Holder(Layer):
    """Layers without parameters in a list in a dict."""

    def __init__(self):
        super().__init__()
        self.inner = {"a": [Dropout(0.5, rng=0)]}

    def forward(self, x):
        self._cache = True
        return self.inner["a"][0].forward(x)

    def backward(self, dout):
        self._recall()
        return self.inner["a"][0].backward(dout)


def test_a_layer_that_knows_nothing_of_it_rests_all_the_same():
    layer = Scale()
    layer.rest()
    out = layer.forward(np.ones((3, 1)))
    np.testing.assert_array_equal(layer.backward(out), 4 * np.ones((3, 1)))
    np.testing.assert_array_equal(layer.dfactor, [0.0])


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (OwnPredict, "it has a predict of its own"),
        (OwnBuffers, "it has buffers"),
        (lambda: LoudDropout(0.5), "predict"),
    ],
)
def test_a_layer_that_would_be_wrong_at_rest_is_refused_and_none_is_at_rest(kind, why):
    model = Sequential([Scale(), kind(), BatchNorm(1)])
    with pytest.raises(TypeError, match=f", layer 1: forward and backward must compute at rest .*{why}.*knows_rest"):
        model.rest()
    assert not any(leaf.resting for leaf in leaves(model))
    assert "backward" not in vars(model[0])


def test_layers_in_attributes_rest_with_the_one_that_has_them():
    layer, x = Holder(), np.ones((4, 50))
    layer.rest()
    np.testing.assert_array_equal(layer.forward(x), x)
    np.testing.assert_array_equal(layer.backward(x), x)
    layer.wake()
    assert not np.array_equal(layer.forward(x), x)


# ---- graphs ----------------------------------------------------------------------------------------------------------


def graph():
    nodes = {
        "a": (Counted(3, 4), "x"),
        "b": (Counted(3, 4), "y"),
        "sum": (Add(), "a", "b"),
        "drop": (Dropout(0.5), "sum"),
        "norm": (BatchNorm(4), "drop"),
        "c": (Counted(4, 2), "norm"),
    }
    model = Graph(nodes, rng=0, dtype=np.float64)
    rng = np.random.default_rng(0)
    model.forward(rng.normal(size=(6, 3)), rng.normal(size=(6, 3)))
    return model


def test_a_graph_at_rest_is_what_it_predicts(rng):
    model, x, y = graph(), rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    model.rest()
    np.testing.assert_array_equal(model.forward(x, y), model.predict(x, y))
    assert set(check_gradients(model, x, y, randomize=False).errors) == {"x", "y"}
    assert not model.gradients.any()
    model.wake()
    assert "c.weights" in check_gradients(model, x, y, randomize=False).errors


def test_a_graph_goes_back_to_what_learns_and_no_farther():
    model, x = graph(), np.ones((4, 3))

    def go():
        for leaf in leaves(model):
            leaf.passes = 0
        model.backward(np.ones_like(model.forward(x, x)), input_gradient=False)
        return [model[name].passes for name in "abc"]

    assert go() == [1, 1, 1]
    model["a"].rest()
    assert go() == [0, 1, 1]
    model["b"].rest()
    model["norm"].rest()
    assert go() == [0, 0, 1]
    model.wake()
    assert go() == [1, 1, 1]
