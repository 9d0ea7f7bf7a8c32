"""Whether layers fit one another, seen when a chain is made: what cannot work is refused, and nothing else."""

import copy

import numpy as np
import pytest
from test_gradients import LAYERS

from layers import (
    GRU,
    LSTM,
    AveragePool2D,
    BatchNorm,
    Concatenate,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Dropout2D,
    Embedding,
    Exp,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Graph,
    GroupNorm,
    Identity,
    LastStep,
    Layer,
    LayerNorm,
    LogSoftmax,
    MaxPool1D,
    MaxPool2D,
    Mean,
    PReLU,
    ReLU,
    Repeat,
    Reshape,
    Residual,
    RMSNorm,
    SelfAttention,
    SequenceDropout,
    Sequential,
    SimpleRNN,
    Sin,
    Softmax,
    Tanh,
    TransformerBlock,
    Upsample2D,
    ZeroPad2D,
)
from layers.contract import End, follow


def chain(*layers):
    return Sequential([*layers])


class Halve(Layer):
    """Of one's own: it does not tell what becomes of the last axis."""

    def forward(self, x):
        self._cache = x.shape
        return x[..., ::2].copy()


class Pairs(Dense):
    """The largest of each two outs of a Dense, whose arguments it has, and half of its outs."""

    def forward(self, x):
        out = super().forward(x)
        return out.reshape(*out.shape[:-1], -1, 2).max(axis=-1)


class Twice(Sequential):
    def forward(self, x):
        out = super().forward(x)
        return np.concatenate([out, out], axis=-1)


class Padding(Sequential):
    def forward(self, x):
        first, second = self.layers
        return second.forward(np.pad(first.forward(x), [(0, 0), (0, 1)]))

    predict = forward


class Told(Layer):
    last_axis = "takes", "gives"

    def __init__(self, takes, gives):
        self.takes, self.gives = takes, gives
        super().__init__()

    def forward(self, x):
        return np.zeros((*x.shape[:-1], self.gives))


WRONG = {
    "dense": (lambda: [Dense(2, 3), Dense(4, 5)], "Dense(4, 5) at 1 must be given (N, ..., 4), got (N, ..., 3) from "
              "Dense(2, 3) at 0"),
    "behind an activation": (lambda: [Dense(2, 3), ReLU(), Dropout(0.1), Dense(4, 5)], "Dense(4, 5) at 3 must be given "
                             "(N, ..., 4), got (N, ..., 3) from Dense(2, 3) at 0"),
    "a norm": (lambda: [Dense(2, 3), BatchNorm(4)], "BatchNorm(4) at 1 must be given (N, ..., 4)"),
    "behind a norm": (lambda: [BatchNorm(3), Dense(2, 3)], "at 1 must be given (N, ..., 2), got (N, ..., 3) from "
                      "BatchNorm(3) at 0"),
    "slopes": (lambda: [Dense(2, 3), PReLU(4)], "PReLU(n_features=4) at 1 must be given (N, ..., 4)"),
    "channels": (lambda: [Conv2D(1, 8, 3), MaxPool2D(2), Conv2D(4, 8, 3)], "got (N, ..., 8) from Conv2D(1, 8, 3) at 0"),
    "behind a global pool": (lambda: [Conv2D(1, 8, 3), GlobalAveragePool(), Dense(16, 2)], "got (N, ..., 8) from Conv"),
    "one channel too few": (lambda: [Conv2D(1, 8, 3), ReLU(), Dense(100, 2)], "Dense(100, 2) at 2 must be given"),
    "units": (lambda: [LSTM(3, 5), LSTM(4, 5)], "got (N, ..., 5) from LSTM(3, 5) at 0"),
    "the last step": (lambda: [GRU(3, 5), LastStep(), Dense(10, 2)], "got (N, ..., 5) from GRU(3, 5) at 0"),
    "an embedding": (lambda: [Embedding(10, 4), SelfAttention(8, 2)], "got (N, ..., 4) from Embedding(10, 4) at 0"),
    "in a chain in a chain": (lambda: [Dense(2, 3), chain(ReLU(), chain(Dense(4, 5)))], "Dense(4, 5) at 1.1.0 must be"),
    "behind a chain": (lambda: [chain(Dense(2, 3), ReLU()), Dense(4, 5)], "got (N, ..., 3) from Dense(2, 3) at 0.0"),
    "in a residual": (lambda: [Dense(2, 3), Residual([Dense(4, 4)])], "Dense(4, 4) at 1.0 must be given"),
    "around a residual": (lambda: [Dense(2, 3), Residual([ReLU()], projection=Dense(4, 3))], "at 1.projection.0 must"),
    "behind a residual": (lambda: [Dense(2, 3), Residual([ReLU()]), Dense(4, 5)], "got (N, ..., 3) from Dense(2, 3)"),
    "a branch": (lambda: [Dense(2, 3), Concatenate(Identity(), Dense(4, 5))], "Dense(4, 5) at 1.1.0 must be given"),
    "behind branches": (lambda: [Dense(2, 3), Concatenate(Identity(), Dense(3, 5)), Dense(3, 1)],
                        "got (N, ..., 8) from Concatenate of 2 branches at 1"),
    "in a transformer": (lambda: [Dense(2, 6), TransformerBlock(8, 2)], "LayerNorm(8) at 1.0.0 must be given"),
    "one of one's own that tells": (lambda: [Dense(2, 3), Told(4, 5)], "Told(4, 5) at 1 must be given (N, ..., 4)"),
    "behind one that ends the look": (lambda: [Flatten(), Dense(2, 3), Dense(4, 5)], "Dense(4, 5) at 2 must be given"),
}  # fmt: skip


@pytest.mark.parametrize(("layers", "text"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused_when_the_chain_is_made_and_nothing_has_changed(layers, text):
    layers = layers()
    with pytest.raises(ValueError, match=r"^Sequential: ") as raised:
        Sequential(layers)
    assert text in str(raised.value)
    assert all(layer.holder is None for layer in layers)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda a, b, c: Residual([a, b]), "Residual"),
        (lambda a, b, c: Residual([c], projection=[a, b]), "Residual"),
        (lambda a, b, c: Concatenate(c, [a, b]), "Concatenate"),
        (lambda a, b, c: Sequential([c, chain(a, b)]), "Sequential"),
    ],
)
def test_so_it_is_in_branches(make, kind):
    layers = Dense(2, 3), Dense(4, 2), ReLU()
    with pytest.raises(
        ValueError, match=rf"^{kind}: Dense\(4, 2\) at \S+ must be given \(N, ..., 4\), got \(N, ..., 3\)"
    ):
        make(*layers)
    assert all(layer.holder is None for layer in layers)


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [Dense(2, 3), Halve(), Dense(2, 1)],
        lambda: [Dense(2, 4), Halve(), Dense(2, 1)],
        lambda: [Pairs(2, 4), Dense(2, 1)],
        lambda: [Twice([Dense(2, 2)]), Dense(4, 1)],
        lambda: [Dense(2, 4), Graph({"a": (Dense(4, 3), "x")}), Dense(3, 1)],
        lambda: [Dense(2, 4), Mean(axis=-1, keepdims=True), Dense(1, 1)],
        lambda: [Dense(2, 4), Exp(), Dense(4, 1)],
        lambda: [Told(2, 4), Dense(4, 1)],
        lambda: [Dense(2, 3), Residual([Halve(), Dense(2, 3)]), Dense(3, 1)],
        lambda: [Dense(2, 3), Concatenate(Halve(), Identity()), Dense(5, 1)],
        lambda: [Dense(2, 3), PReLU(), Dense(3, 1)],
    ],
)
def test_a_layer_that_does_not_tell_ends_the_look(layers):
    model = Sequential(layers(), rng=0)
    assert model.predict(np.ones((4, 2), np.float32)).shape == (4, 1)


def test_a_chain_with_a_forward_of_its_own_may_join_its_layers_as_it_likes():
    model = Padding([Dense(2, 3), Dense(4, 1)], rng=0)
    assert model.forward(np.ones((5, 2))).shape == (5, 1)
    assert Sequential([Dense(2, 2), Padding([Dense(2, 3), Dense(4, 1)])], rng=0).forward(np.ones((5, 2))).shape == (
        5,
        1,
    )


def test_a_forward_on_the_object_tells_nothing():
    layer = Dense(2, 3)
    layer.forward = lambda x: np.zeros((len(x), 4))
    chain(layer, Dense(4, 5))


def test_a_forgotten_flatten_is_left_to_forward_which_has_all_the_numbers():
    model = Sequential([Conv2D(1, 4, 3), ReLU(), MaxPool2D(2), Dense(36, 3)], rng=0)
    with pytest.raises(ValueError, match=r"x must have shape \(N, 36\), got \(2, 3, 3, 4\); 3 \* 3 \* 4 = 36: Flatten"):
        model.forward(np.ones((2, 8, 8, 1)))


def test_copies_are_not_looked_at_again():
    model = chain(Dense(2, 3), ReLU(), Dense(3, 1))
    assert copy.deepcopy(model).output_shape((2,)) == (1,)


@pytest.mark.parametrize("row", LAYERS, ids=lambda row: repr(row[0])[:60])
def test_what_every_layer_tells_is_true(row):
    layer, inputs = row[0], row[1]
    x = np.asarray(inputs if not isinstance(inputs, tuple) else np.zeros(inputs))
    out = copy.deepcopy(layer).forward(x)
    if not isinstance(out, np.ndarray) or out.ndim < 2:
        return
    end = follow([layer], "Sequential", End(x.shape[-1] if x.ndim > 1 else None))
    assert end.size in (None, out.shape[-1])
    assert not end.grid or out.ndim > 2


ANYWHERE = (
    ReLU, Tanh, Softmax, LogSoftmax, Sin, Identity, Halve, PReLU, lambda: Dropout(0.1),
)  # fmt: skip
OF_FEATURES = (
    lambda n, m: Dense(n, m), lambda n, m: BatchNorm(n), lambda n, m: LayerNorm(n), lambda n, m: RMSNorm(n),
    lambda n, m: PReLU(n), lambda n, m: GroupNorm(n, 1), lambda n, m: Pairs(n, 2 * m), lambda n, m: Told(n, m),
    lambda n, m: Twice([Dense(n, m)]), lambda n, m: Graph({"a": (Dense(n, m), "x")}),
    lambda n, m: Residual([Dense(n, m)], projection=Dense(n, m)), lambda n, m: Concatenate(Identity(), Dense(n, m)),
    lambda n, m: Residual([LayerNorm(n), Dense(n, n)]), lambda n, m: Concatenate(Halve(), [Tanh(), Dense(n, m)]),
    lambda n, m: Residual([Halve(), Dense((n + 1) // 2, n)]),
)  # fmt: skip
OF_ROWS = (lambda n, m: Repeat(3), lambda n, m: Reshape((1, -1)), lambda n, m: Reshape((n, 1, 1)))
OF_STEPS = (
    lambda n, m: SimpleRNN(n, m), lambda n, m: LSTM(n, m), lambda n, m: GRU(n, m), lambda n, m: LastStep(),
    lambda n, m: Conv1D(n, m, 1), lambda n, m: MaxPool1D(1), lambda n, m: SequenceDropout(0.1),
    lambda n, m: SelfAttention(n, 1), lambda n, m: TransformerBlock(n, 1, n_hidden=m), lambda n, m: GlobalMaxPool(),
    lambda n, m: Flatten(), lambda n, m: Mean(axis=1), lambda n, m: Mean(axis=-1),
)  # fmt: skip
OF_IMAGES = (
    lambda n, m: Conv2D(n, m, 3, padding=1), lambda n, m: Conv2D(n, 2 * n, 1, n_groups=n),
    lambda n, m: ConvTranspose2D(n, m, 2), lambda n, m: DepthwiseConv2D(n, 1), lambda n, m: MaxPool2D(1),
    lambda n, m: AveragePool2D(1), lambda n, m: GlobalAveragePool(), lambda n, m: Upsample2D(2),
    lambda n, m: ZeroPad2D(1),
    lambda n, m: Flatten(), lambda n, m: Dropout2D(0.1), lambda n, m: Reshape((-1, n)), lambda n, m: Mean(axis=(1, 2)),
)  # fmt: skip


def random_chain(rng, shape, n_layers):
    """Return layers that fit one another, some of them in chains of their own, and what they give for x of a shape."""
    layers, x = [], rng.normal(size=(2, *shape)).astype(np.float32)
    for _ in range(n_layers):
        kinds = [*({2: OF_ROWS, 3: OF_STEPS, 4: OF_IMAGES}.get(x.ndim, ())), *OF_FEATURES]
        if rng.random() < 0.2 and x.size < 300:
            inner, x = random_chain(rng, x.shape[1:], 2)
            layers.append(Sequential(inner))
            continue
        kind = rng.choice(len(kinds) + len(ANYWHERE))
        m = int(rng.integers(1, 7))
        layer = kinds[kind](x.shape[-1], m) if kind < len(kinds) else ANYWHERE[kind - len(kinds)]()
        try:
            out = copy.deepcopy(layer).predict(x)
        except ValueError:  # such as a norm of one number
            continue
        if out.ndim > 1 and out.size < 2000:
            layers.append(layer)
            x = np.tanh(out)
    return layers or [Identity()], x


def test_no_network_that_works_is_refused(rng):
    for _ in range(150):
        shape = tuple(int(n) for n in rng.integers(1, 6, size=rng.integers(1, 4)))
        layers, out = random_chain(rng, shape, int(rng.integers(2, 9)))
        model = Sequential(layers)  # this is what is tried
        assert model.predict(np.ones((2, *shape), np.float32)).shape == out.shape


TELLING = (
    lambda n, m: Dense(n, m), lambda n, m: BatchNorm(n), lambda n, m: LayerNorm(n), lambda n, m: ReLU(),
    lambda n, m: PReLU(n), lambda n, m: Dropout(0.1), lambda n, m: Softmax(), lambda n, m: Told(n, m),
    lambda n, m: Residual([Dense(n, m)], projection=Dense(n, m)), lambda n, m: Sequential([Dense(n, m), Tanh()]),
    lambda n, m: Concatenate(Identity(), Dense(n, m)), lambda n, m: Residual([Dense(n, 3), Dense(3, n)]),
)  # fmt: skip


def test_every_chain_with_a_layer_of_another_size_is_refused(rng):
    for _ in range(150):
        layers, n = [Dense(2, 3)], 3
        for _ in range(rng.integers(0, 7)):
            layer = TELLING[rng.integers(len(TELLING))](n, int(rng.integers(1, 7)))
            n = follow([*layers, layer], "Sequential").size
            layers.append(layer)
        broken = n + int(rng.integers(1, 5))
        wrong = [Dense, Told, lambda n, m: LSTM(n, m), lambda n, m: Residual([BatchNorm(n)]), lambda n, m: LayerNorm(n)]
        layers.append(wrong[rng.integers(len(wrong))](broken, 2))
        with pytest.raises(ValueError, match=rf"must be given \(N, ..., {broken}\), got \(N, ..., {n}\) from "):
            Sequential(layers)
        assert all(layer.holder is None for layer in layers)
