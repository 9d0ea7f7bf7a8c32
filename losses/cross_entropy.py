"""Cross-entropies: the surprise, in nats, at the true class.

The fused losses take logits and contain the softmax or the sigmoid, because the two together are simpler than each:
the derivative is y_hat - y, and no probability is ever so small that its logarithm is lost.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .checks import fraction
from .loss import Array, Loss
from .rows import places, row_maxima


class _FusedCrossEntropy(Loss):
    """A cross-entropy for training: of logits, with labels that can be smoothed and classes that can weigh more."""

    unit = "nats"
    _n_classes: int | None = None  # any number

    def __init__(
        self, reduction: str = "mean", *, label_smoothing: float = 0.0, class_weights: ArrayLike | None = None
    ) -> None:
        super().__init__(reduction)
        self.label_smoothing = fraction(type(self).__name__, "label_smoothing", label_smoothing)
        self.class_weights = None if class_weights is None else self._checked_weights(class_weights)

    def _checked_weights(self, class_weights: ArrayLike) -> Array:
        who, weights = type(self).__name__, np.asarray(class_weights)
        if weights.size and weights.dtype.kind not in "fiu":
            raise TypeError(f"{who}: class_weights must hold real numbers, got dtype {weights.dtype}")
        size = "(C,) with C of at least 2" if self._n_classes is None else f"({self._n_classes},)"
        if weights.ndim != 1 or len(weights) < 2 or len(weights) != (self._n_classes or len(weights)):
            raise ValueError(f"{who}: class_weights must have shape {size}, got {weights.shape}")
        if not np.all(np.isfinite(weights)) or weights.min() < 0:
            raise ValueError(f"{who}: class_weights must be finite and not negative, got {weights.tolist()}")
        return weights.astype(float)


class SoftmaxCrossEntropy(_FusedCrossEntropy):
    """Softmax and categorical cross-entropy in one: loss_i = -sum_k y_ik * log(y_hat_ik), y_hat = softmax(logits).

    `backward` returns (y_hat - y) / N, and with `reduction="sum"` exactly y_hat - y. The last layer of the network
    is a Dense: no Softmax, which is in here.

    Parameters
    ----------
    reduction : "mean" or "sum", default "mean"
        Over the N examples; over all N * T steps of sequences.
    label_smoothing : float in [0, 1), default 0
        The true class gets 1 - label_smoothing, and all C classes share the rest: y becomes
        (1 - label_smoothing) * y + label_smoothing / C.
    class_weights : array (C,), optional
        An example weighs as much as its class (a soft label as much as its classes on average). The mean is the
        weighted mean, divided by the sum of the weights.

    Shapes
    ------
    logits (N, C) or (N, T, C); y class indices (N,) or (N, T), or rows of probabilities, one-hot or soft, of the
    shape of logits; sample_weights (N,) or (N, T); dlogits as logits

    References
    ----------
    Bishop (2006), "Pattern Recognition and Machine Learning", eq. 4.108 and 4.109. Label smoothing: Szegedy et al.
    (2015), "Rethinking the Inception Architecture", arXiv:1512.00567. PyTorch smooths before it weighs, so that with
    both options at once its value is another one.

    Examples
    --------
    >>> loss = SoftmaxCrossEntropy(reduction="sum")
    >>> logits = np.log([[0.7, 0.1, 0.2]])
    >>> round(loss.forward(logits, np.array([0])), 4)  # -log(0.7)
    0.3567
    >>> loss.backward()  # y_hat - y
    array([[-0.3,  0.1,  0.2]])
    """

    def forward(self, logits: ArrayLike, y: ArrayLike, sample_weights: ArrayLike | None = None) -> float:
        self._cache = None
        logits = self._rows("logits", logits)
        y = self._labels(logits, y)
        scale = self._scale(logits.shape[:-1], sample_weights, self._weights_of(y, logits.shape))

        shifted = logits - row_maxima(logits)  # softmax stays the same, and exp cannot overflow
        y_hat = np.exp(shifted, order="C")  # the rows end to end, for `places`
        total = y_hat.sum(axis=-1, keepdims=True)
        y_hat /= total
        # -sum_k y_k * log(y_hat_k), with log(y_hat) = shifted - log(total)
        log_total = np.log(total[..., 0])
        if y.ndim < logits.ndim:
            y = places(y, logits.shape[-1])
            losses = log_total - shifted.reshape(-1)[y]
        else:
            losses = log_total - (y * shifted).sum(axis=-1)
        if self.label_smoothing:
            # (1 - label_smoothing) * losses + label_smoothing * (the mean of -log(y_hat) over all classes)
            losses += self.label_smoothing * (log_total - shifted.mean(axis=-1) - losses)
        self._cache = y_hat, y, scale
        return self._add_up(losses, scale)

    def backward(self) -> Array:
        # d loss / d logit_k = sum_j y_j * (y_hat_k - 1{j = k}) = y_hat_k - y_k, since the y_j sum to 1;
        # smoothed, y_k is (1 - label_smoothing) * y_k + label_smoothing / C
        y_hat, y, scale = self._recall()
        dlogits: Array = y_hat  # forward made it for us: work in place
        if self.label_smoothing:
            dlogits -= self.label_smoothing / y_hat.shape[-1]
        if y.ndim < y_hat.ndim:
            dlogits.reshape(-1)[y] -= 1 - self.label_smoothing  # y holds the places of the true classes
        else:
            dlogits -= (1 - self.label_smoothing) * y
        dlogits *= self._for_rows(scale, dlogits.dtype)
        return dlogits

    def _weights_of(self, y: Array, shape: tuple[int, ...]) -> Array | None:
        """Return the weight of each example: that of its class, or of its classes on average."""
        weights = self.class_weights
        if weights is None:
            return None
        if len(weights) != shape[-1]:
            classes = f"as many classes as class_weights, {len(weights)}"
            raise ValueError(f"{self!r}: logits must have {classes}, got {shape}")
        return weights[y] if y.ndim < len(shape) else y @ weights


class CategoricalCrossEntropy(Loss):
    """Cross-entropy of probabilities: loss_i = -sum_k y_ik * log(y_hat_ik), for a network that ends in Softmax.

    With Softmax in front it equals the fused `SoftmaxCrossEntropy`, in value and in gradient, as long as no
    probability underflows; train with the fused one. A probability below the smallest normal number counts as that
    number (a loss of 708 nats in float64, 87 in float32), and has no gradient.

    It has neither label smoothing nor class weights: it is the two steps of the textbook, softmax and then the
    logarithm, each with a derivative of its own, to be read and compared. What helps training is in the fused loss.

    Shapes
    ------
    y_hat (N, C) or (N, T, C), rows that sum to 1; y and sample_weights as in `SoftmaxCrossEntropy`

    Examples
    --------
    >>> loss = CategoricalCrossEntropy()
    >>> round(loss.forward(np.array([[0.7, 0.1, 0.2]]), np.array([0])), 4)
    0.3567
    >>> loss.backward().round(4)  # -1 / 0.7 at the true class
    array([[-1.4286, -0.    , -0.    ]])
    """

    unit = "nats"

    def forward(self, y_hat: ArrayLike, y: ArrayLike, sample_weights: ArrayLike | None = None) -> float:
        self._cache = None
        y_hat = self._rows("y_hat", y_hat)
        off = np.abs(y_hat.sum(axis=-1) - 1).max()
        if off > 1e-3 or y_hat.min() < 0:
            raise ValueError(
                f"{self!r}: y_hat must be probabilities whose rows sum to 1, got elements from {y_hat.min():g} and a "
                f"sum that is {off:g} off; for logits use SoftmaxCrossEntropy"
            )
        y = self._labels(y_hat, y)
        scale = self._scale(y_hat.shape[:-1], sample_weights)
        if y.ndim < y_hat.ndim:
            y = (y[..., np.newaxis] == np.arange(y_hat.shape[-1])).astype(y_hat.dtype)
        log_y_hat = np.log(np.maximum(y_hat, np.finfo(y_hat.dtype).tiny))
        self._cache = y_hat, y, scale
        return self._add_up(-(y * log_y_hat).sum(axis=-1), scale)

    def backward(self) -> Array:
        y_hat, y, scale = self._recall()
        tiny = np.finfo(y_hat.dtype).tiny
        return -y * (y_hat > tiny) / np.maximum(y_hat, tiny) * self._for_rows(scale, y_hat.dtype)


class SigmoidBinaryCrossEntropy(_FusedCrossEntropy):
    """Sigmoid and binary cross-entropy: loss = -y log(y_hat) - (1 - y) log(1 - y_hat), y_hat = sigmoid(logits).

    `backward` returns (y_hat - y) / N. For two classes, one logit for each example, or for several labels that do
    not exclude one another, (N, K): then the mean is over all N * K of them. The network ends in a Dense: no Sigmoid.

    Parameters
    ----------
    reduction : "mean" or "sum", default "mean"
    label_smoothing : float in [0, 1), default 0
        y becomes (1 - label_smoothing) * y + label_smoothing / 2.
    class_weights : array (2,), optional
        Weights of the classes 0 and 1. The mean is divided by the sum of the weights.

    Shapes
    ------
    logits (N,) or (N, K); y the same, in [0, 1]; sample_weights (N,) or as logits; dlogits as logits

    Examples
    --------
    >>> loss = SigmoidBinaryCrossEntropy(reduction="sum")
    >>> round(loss.forward(np.array([0.0]), np.array([1])), 4)  # log(2)
    0.6931
    >>> loss.backward()
    array([-0.5])
    """

    _n_classes = 2

    def forward(self, logits: ArrayLike, y: ArrayLike, sample_weights: ArrayLike | None = None) -> float:
        self._cache = None
        logits, y = self._same_shape("logits", logits, y)
        if y.min() < 0 or y.max() > 1:
            raise ValueError(f"{self!r}: y must be in [0, 1], got {y.min():g} .. {y.max():g}")
        weights = None if self.class_weights is None else (1 - y) * self.class_weights[0] + y * self.class_weights[1]
        scale = self._scale(logits.shape, sample_weights, weights)
        if self.label_smoothing:
            y = (1 - self.label_smoothing) * y + self.label_smoothing / 2
        # -y * log(y_hat) - (1 - y) * log(1 - y_hat) = log(1 + exp(x)) - y * x, and
        # log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), where exp cannot overflow
        losses = np.maximum(logits, 0) - y * logits + np.log1p(np.exp(-np.abs(logits)))
        self._cache = logits, y, scale
        return self._add_up(losses, scale)

    def backward(self) -> Array:
        logits, y, scale = self._recall()
        small = np.exp(-np.abs(logits))
        y_hat = np.where(logits >= 0, 1, small) / (1 + small)
        return (y_hat - y) * np.asarray(scale, y_hat.dtype)
