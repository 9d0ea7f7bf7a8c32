"""Cross-entropies: the surprise, in nats, at the true class.

The fused losses take logits and contain the softmax or the sigmoid, because the two together are simpler than each:
the derivative is y_hat - y, and no probability is ever so small that its logarithm is lost.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from . import checks
from .arguments import any_whole, weights_of_classes
from .counted import counting
from .loss import Array, Loss
from .options import Option
from .rows import places, row_maxima


class _FusedCrossEntropy(Loss):
    """A cross-entropy for training: of logits, with labels that can be smoothed and classes that can weigh more."""

    unit = "nats"
    label_smoothing = Option(checks.fraction)
    class_weights = Option(weights_of_classes(None), optional=True, then="_see_classes")

    def __init__(
        self, reduction: str = "mean", *, label_smoothing: float = 0.0, class_weights: ArrayLike | None = None
    ) -> None:
        super().__init__(reduction)
        self.label_smoothing, self.class_weights = label_smoothing, class_weights

    def _see_classes(self) -> None:
        given = [] if self.class_weights is None else self.class_weights.tolist()
        self._far_classes = any(weight and not 1e-5 <= weight <= 1e5 for weight in given)

    def _weights_of_classes(self, class_weights: Array) -> Array:
        """Return class_weights: in the widest dtype, where one is so far from 1 that products need it."""
        if not self._far_classes:
            return class_weights
        self._far = True
        return class_weights.astype(np.longdouble)


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
    ignore : int, optional
        Where y holds this class index, such as -1, the prediction does not count: neither in the loss nor in what it
        is divided by, nor, in `fit` and `evaluate`, in the metrics.
    class_weights : array (C,), optional
        An example weighs as much as its class (a soft label as much as its classes on average). The mean is the
        weighted mean, divided by the sum of the weights.

    Shapes
    ------
    logits (N, C) or (N, T, C), -inf for a class that cannot be the true one; y class indices (N,) or (N, T), or rows
    of probabilities, one-hot or soft, of the shape of logits; sample_weights (N,) or (N, T); dlogits as logits

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
    >>> loss = SoftmaxCrossEntropy(ignore=-1)
    >>> round(loss.forward(np.log([[0.7, 0.1, 0.2], [0.5, 0.4, 0.1]]), np.array([0, -1])), 4), loss.divisor
    (0.3567, 1.0)
    """

    ignore = Option(any_whole, optional=True)

    def __init__(
        self,
        reduction: str = "mean",
        *,
        label_smoothing: float = 0.0,
        class_weights: ArrayLike | None = None,
        ignore: int | None = None,
    ) -> None:
        super().__init__(reduction, label_smoothing=label_smoothing, class_weights=class_weights)
        self.ignore = ignore

    # log(total) is off by a rounding of 1: of a smaller loss the digits are lost
    _least: ClassVar[dict[int, float]] = {4: float(np.finfo(np.float32).eps), 8: float(np.finfo(np.float64).eps)}

    @counting
    def forward(self, logits: ArrayLike, y: ArrayLike, sample_weights: ArrayLike | None = None) -> float:
        logits = self._rows("logits", logits, masked=True)
        y = self._labels(logits, y)
        scale = self._scale(logits.shape[:-1], sample_weights, self._weights_of(y, logits.shape))
        if not self._ordinary:
            self._check_masks(logits, y)
        return self._reduce(logits, y, scale)

    def _losses(self, logits: Array, y: Array) -> tuple[Array, Any]:
        shifted = logits - row_maxima(logits)  # softmax stays the same, and exp cannot overflow
        y_hat = np.exp(shifted)
        total = np.add.reduce(y_hat, -1, keepdims=True)  # y_hat.sum, without its way round
        log_total = np.log(total[..., 0]) if self._ordinary else _log_of_total(y_hat)
        y_hat /= total
        # -sum_k y_k * log(y_hat_k), with log(y_hat) = shifted - log(total)
        if y.ndim < logits.ndim:
            y = places(y, logits.shape[-1])
            losses = log_total - shifted.take(y)
        elif self._ordinary:
            losses = log_total - (y * shifted).sum(axis=-1)
        else:  # 0 times the logarithm of a probability of 0 is 0
            losses = log_total - (y * np.where(y > 0, shifted, 0)).sum(axis=-1)
        if self.label_smoothing:
            # (1 - label_smoothing) * losses + label_smoothing * (the mean of -log(y_hat) over all classes)
            losses += self.label_smoothing * (log_total - shifted.mean(axis=-1) - losses)
        return losses, (y_hat, y)

    def backward(self) -> Array:
        # d loss / d logit_k = sum_j y_j * (y_hat_k - 1{j = k}) = y_hat_k - y_k, since the y_j sum to 1;
        # smoothed, y_k is (1 - label_smoothing) * y_k + label_smoothing / C
        (y_hat, y), scale = self._recall()
        dlogits: Array = y_hat  # forward made it for us: work in place
        if self.label_smoothing:
            dlogits -= self.label_smoothing / y_hat.shape[-1]
        if y.ndim < y_hat.ndim:
            dlogits.reshape(-1)[y] -= 1 - self.label_smoothing  # y holds the places of the true classes
        else:
            dlogits -= (1 - self.label_smoothing) * y
        return self._times(dlogits, scale)

    def _check_masks(self, logits: Array, y: Array) -> None:
        """Raise where a logit of -inf, which stands for a class that cannot be, is that of a true class."""
        masked = logits == -np.inf
        if not masked.any():
            return
        if self.label_smoothing:
            where, of = masked, "label_smoothing makes every class a true one, and"
        else:
            true = np.arange(logits.shape[-1]) == y[..., np.newaxis] if y.ndim < logits.ndim else y > 0
            where, of = masked & true, "at the true class"
        if where.any():
            place = [int(i) for i in np.argwhere(where)[0]]
            raise ValueError(f"{self!r}: logits must be finite, got -inf at {place}: {of} its loss is infinite")

    def _weights_of(self, y: Array, shape: tuple[int, ...]) -> Array | None:
        """Return the weight of each example: that of its class, or of its classes on average."""
        if self.class_weights is None:
            return None
        weights = self._weights_of_classes(self.class_weights)
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

    _least: ClassVar[dict[int, float]] = {}  # the logarithm of a probability keeps its digits

    @counting
    def forward(self, y_hat: ArrayLike, y: ArrayLike, sample_weights: ArrayLike | None = None) -> float:
        y_hat = self._rows("y_hat", y_hat)
        off = np.abs(y_hat.sum(axis=-1, dtype=None if self._ordinary else np.longdouble) - 1).max()
        if off > (1e-3 if self._dtype.itemsize > 2 else 1e-2) or y_hat.min() < 0:
            raise ValueError(
                f"{self!r}: y_hat must be probabilities whose rows sum to 1, got elements from {y_hat.min():g} and a "
                f"sum that is {off:g} off; for logits use SoftmaxCrossEntropy"
            )
        y = self._labels(y_hat, y)
        scale = self._scale(y_hat.shape[:-1], sample_weights)
        if self.reduction == "sum" and sample_weights is not None:
            self._ordinary = False  # 1 / y_hat may be 1e38 in float32, and no weight above 1 may meet it unseen
        return self._reduce(y_hat, y, scale)

    def _losses(self, y_hat: Array, y: Array) -> tuple[Array, Any]:
        if y.ndim < y_hat.ndim:
            y = (y[..., np.newaxis] == np.arange(y_hat.shape[-1])).astype(y_hat.dtype)
        log_y_hat = np.log(np.maximum(y_hat, np.finfo(self._dtype).tiny))
        return -(y * log_y_hat).sum(axis=-1), (y_hat, y)

    def backward(self) -> Array:
        (y_hat, y), scale = self._recall()
        tiny = np.finfo(self._dtype).tiny
        return self._times(-y * (y_hat > tiny) / np.maximum(y_hat, tiny), scale)


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

    class_weights = Option(weights_of_classes(2), optional=True, then="_see_classes")

    @counting
    def forward(self, logits: ArrayLike, y: ArrayLike, sample_weights: ArrayLike | None = None) -> float:
        logits, y = self._same_shape("logits", logits, y)
        if y.min() < 0 or y.max() > 1:
            raise ValueError(f"{self!r}: y must be in [0, 1], got {y.min():g} .. {y.max():g}")
        weights = None
        if self.class_weights is not None:
            weights = self._weights_of_classes(self.class_weights)
            weights = (1 - y) * weights[0] + y * weights[1]
        return self._reduce(logits, y, self._scale(logits.shape, sample_weights, weights))

    def _losses(self, logits: Array, y: Array) -> tuple[Array, Any]:
        y = y.astype(logits.dtype, copy=False)
        if self.label_smoothing:
            y = (1 - self.label_smoothing) * y + self.label_smoothing / 2
        # -y * log(y_hat) - (1 - y) * log(1 - y_hat) = log(1 + exp(x)) - y * x. Since log(1 + exp(x)) is
        # max(x, 0) + log(1 + exp(-|x|)), where exp cannot overflow, and max(x, 0) - y * x = |x| * |1{x >= 0} - y|,
        # nothing large is subtracted from anything large
        size = np.abs(logits)
        small = np.exp(-size)
        above = logits >= 0
        off = above - y
        return size * np.abs(off) + np.log1p(small), (small, above, off)

    def backward(self) -> Array:
        # y_hat - y, with y_hat = 1 / (1 + small) = 1 - small / (1 + small) for x >= 0, and small / (1 + small) below
        (small, above, off), scale = self._recall()
        rest = small / (1 + small)
        return self._times(off + np.where(above, -rest, rest), scale)


def _log_of_total(e: Array) -> Array:
    """Return log(e.sum(axis=-1)) of rows whose maximum is 1: as log1p of the others, which keeps the digits of few."""
    others = e.copy()
    others.reshape(-1)[places(e.argmax(axis=-1), e.shape[-1])] = 0
    log_of_total: Array = np.log1p(others.sum(axis=-1))
    return log_of_total
