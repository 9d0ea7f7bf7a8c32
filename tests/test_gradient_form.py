"""What `check_gradients` says of a layer that breaks the contract: what must hold, and what to write."""

import numpy as np
import pytest

from layers import Dense, Flatten, GradientError, Identity, Layer, ReLU, Sequential, Tanh, check_gradients

X = np.random.default_rng(0).normal(size=(5, 4))


class Faulty(Layer):
    """out = x * factor, with a backward to be replaced."""

    def __init__(self, n_features=4):
        super().__init__(factor=(n_features,))
        self.factor = np.ones(n_features)

    def forward(self, x):
        self._cache = x
        return x * self.factor

    def backward(self, dout, input_gradient=True):
        x = self._recall()
        self.dfactor = (dout * x).sum(axis=0)
        return dout * self.factor if input_gradient else None


def test_the_unspoiled_layer_passes():
    assert check_gradients(Faulty(), X).largest < 1e-7


class AddsUp(Faulty):
    def backward(self, dout, input_gradient=True):
        x = self._recall()
        self.dfactor += (dout * x).sum(axis=0)
        return dout * self.factor if input_gradient else None


class NeverSets(Faulty):
    def backward(self, dout, input_gradient=True):
        self._recall()
        return dout * self.factor if input_gradient else None


class AlwaysDx(Faulty):
    def backward(self, dout, input_gradient=True):
        return super().backward(dout)


class SkipsWithDx(Faulty):
    def backward(self, dout, input_gradient=True):
        x = self._recall()
        if input_gradient:
            self.dfactor = (dout * x).sum(axis=0)
        return dout * self.factor if input_gradient else None


class NoInputGradient(Faulty):
    def backward(self, dout):
        return super().backward(dout)


class NothingCached(Faulty):
    def forward(self, x):
        return x * self.factor


class RecallsTwice(Faulty):
    def backward(self, dout, input_gradient=True):
        self.dfactor = (dout * self._recall()).sum(axis=0)
        return super().backward(dout)


class NotFinite(Faulty):
    def backward(self, dout, input_gradient=True):
        dx = super().backward(dout, input_gradient)
        self.dfactor[1] = np.nan
        return dx


class NotFiniteDx(Faulty):
    def forward(self, x):
        return np.abs(super().forward(x))

    def backward(self, dout, input_gradient=True):
        x = self._recall()
        dout = dout * np.sign(x * self.factor)
        self.dfactor = (dout * x).sum(axis=0)
        dx = np.abs(dout * self.factor) * np.sign(dout * self.factor)
        dx[2, 0] = np.nan
        return dx if input_gradient else None


class Undeclared(Layer):
    def __init__(self):
        super().__init__()
        self.W = np.random.default_rng(0).normal(size=(4, 4))

    def forward(self, x):
        self.x = x  # kept for a look at it, with its gradient beside it: these are no weights
        self._cache = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self._recall().T @ dout
        self.dx = dout @ self.W.T
        return self.dx


class Hides(Layer):
    def __init__(self):
        super().__init__()
        self.inner = self.made()

    def made(self):
        return Dense(4, 4)

    def forward(self, x):
        return self.inner.forward(x)

    def backward(self, dout):
        return self.inner.backward(dout)


class HidesInAList(Hides):
    def made(self):
        return [Tanh(), Dense(4, 4)]


class HidesANetwork(Hides):
    def made(self):
        return Sequential([Dense(4, 4), Tanh()])


class ForwardInFloat32(Faulty):
    def forward(self, x):
        return super().forward(x).astype(np.float32)


class XThroughFloat32(Faulty):
    def forward(self, x):
        super().forward(x)
        return x.astype(np.float32).astype(float) * self.factor


class TanhOfFloat32(Layer):
    def forward(self, x):
        self._cache = x
        return np.tanh(x.astype(np.float32).astype(float))

    def backward(self, dout):
        return dout * (1 - np.tanh(self._recall()) ** 2)


class GradientInFloat32(Faulty):
    def backward(self, dout, input_gradient=True):
        dx = super().backward(dout, input_gradient)
        self.dfactor = self.dfactor.astype(np.float32)
        return dx


class CacheInFloat32(Faulty):
    def backward(self, dout, input_gradient=True):
        x = self._recall().astype(np.float32)
        self.dfactor = (dout * x).sum(axis=0)
        return dout * self.factor if input_gradient else None


class DoutForgotten(Tanh):
    def backward(self, dout):
        return super().backward(np.ones_like(dout))


class NotTransposed(Dense):
    def __init__(self):
        super().__init__(4, 4)

    def backward(self, dout, input_gradient=True):
        super().backward(dout)
        return dout @ self.weights if input_gradient else None


class WrongAxis(Dense):
    def __init__(self):
        super().__init__(4, 4)

    def backward(self, dout, input_gradient=True):
        dx = super().backward(dout, input_gradient)
        self.dbias = dout.sum(axis=1)
        return dx


class WrongShape(Faulty):
    def backward(self, dout, input_gradient=True):
        dx = super().backward(dout, input_gradient)
        return None if dx is None else dx[:1]


class NoDx(Faulty):
    def backward(self, dout, input_gradient=True):
        super().backward(dout)


class ChangesX(Faulty):
    def backward(self, dout, input_gradient=True):
        x = self._recall()
        self.dfactor = (dout * x).sum(axis=0)
        x *= 2
        return dout * self.factor if input_gradient else None


class ChangesDout(Faulty):
    def backward(self, dout, input_gradient=True):
        x = self._recall()
        self.dfactor = (dout * x).sum(axis=0)
        dout *= self.factor
        return dout if input_gradient else None


class ChangesXAtOnce(Faulty):
    def forward(self, x):
        x *= 2
        return super().forward(x)


class Fickle(Faulty):
    rng = np.random.default_rng(0)  # on the class, where nobody can rewind it

    def forward(self, x):
        return super().forward(x) * self.rng.random()


class Infinite(Faulty):
    def forward(self, x):
        return super().forward(x) * np.inf


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (AddsUp, "dfactor is added to by backward, which must set it"),
        (NeverSets, "dfactor is never set by backward"),
        (
            AlwaysDx,
            r"input_gradient=False\) must return None, got an array: write `return dx if input_gradient else None`",
        ),
        (SkipsWithDx, r"input_gradient=False\) must set the same gradients, but dfactor at \[0\] is nan instead of "),
        (NoInputGradient, "must take input_gradient: write `def backward\\(self, dout, input_gradient=True\\)`"),
        (NothingCached, r"forward must set self._cache, which backward recalls; it ran and did not"),
        (RecallsTwice, r"backward must call self._recall\(\) once and keep what it returns"),
        (NotFinite, r"dfactor is not finite: backward sets NaN at \[1\]"),
        (
            NotFiniteDx,
            r"dx is not finite; at \[2, 0\] backward says nan, finite differences say 0\.\d+ \(1 of 20 are not",
        ),
        (Undeclared, r"W must be declared, super\(\).__init__\(W=\(4, 4\)\), since there is a dW"),
        (Hides, "must be a Container, since the layer in its 'inner' has parameters"),
        (HidesInAList, "must be a Container, since the layer in its 'inner' has parameters"),
        (HidesANetwork, "must be a Container, since the layer in its 'inner' has parameters"),
        (ForwardInFloat32, "forward must compute in float64 as its inputs are, got out in float32"),
        (XThroughFloat32, "dx is wrong: forward takes x in float32, where finite differences cannot see"),
        (TanhOfFloat32, "forward takes x in float32, where finite differences cannot see"),
        (GradientInFloat32, "dfactor is computed in float32: it can represent every number of it"),
        (CacheInFloat32, "dfactor is.* right to seven digits only: something in it is computed in float32"),
        (DoutForgotten, "dx is wrong: it does not depend on dout"),
        (NotTransposed, "dx is wrong: weights in place of weights.T"),
        (WrongAxis, "dbias is wrong: summed over the wrong axes, so that axis 0 is left in place of axis 1"),
        (WrongShape, r"dx must have the shape of x, \(5, 4\), got \(1, 4\)"),
        (NoDx, "backward must return dx, got None"),
        (ChangesX, "must not change x or dout"),
        (ChangesDout, "must not change x or dout"),
        (ChangesXAtOnce, "must not change x or dout"),
        (Fickle, "two runs differ"),
        (Infinite, "forward must give finite numbers"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_broken_contract_is_named(kind, message):
    with pytest.raises(GradientError, match=f"{kind.__name__}.*{message}"):
        check_gradients(kind(), X[:4] if kind is WrongAxis else X)


def test_data_that_float32_holds_is_no_float32_arithmetic():
    x = X.astype(np.float32).astype(float)
    for layer in (Dense(4, 4), ReLU(), Identity(), Flatten()):
        check_gradients(layer, x)


def test_what_the_readme_says_of_its_layer():
    class Scale(Faulty):
        def backward(self, dout, input_gradient=True):
            self._recall()
            self.dfactor = np.sum(dout, axis=0)  # the factor x left out
            return dout * self.factor if input_gradient else None

    with pytest.raises(GradientError, match="dfactor is wrong; at "):
        check_gradients(Scale(), X)
