"""Metrics and weights against scikit-learn, on random cases whose numbers are kept in `scikit_learn.npz`.

`python tests/test_against_scikit_learn.py` writes the file again, by the functions of `reference`; it needs
scikit-learn, of the extra `bench`. The version that the numbers are of stands in the file.
"""

from pathlib import Path

import numpy as np
import pytest

from training import (
    Standardizer,
    accuracy,
    balanced_weights,
    confusion_matrix,
    f1,
    log_loss,
    matthews,
    precision,
    precision_recall_curve,
    recall,
    roc_auc,
)

FILE = Path(__file__).parent / "scikit_learn.npz"
SEEDS = range(12)


def case(seed):
    """Return scores with ties, classes and labels, of a size and a share that depend on the seed."""
    rng = np.random.default_rng(seed)
    n, n_classes = int(rng.integers(20, 80)), int(rng.integers(3, 6))
    y = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n - n_classes)])
    logits = np.round(rng.normal(size=(n, n_classes)) + np.eye(n_classes)[y], 1 + seed % 3)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    two = (rng.random(n) < 0.1 + 0.07 * seed).astype(int)
    two[:2] = 0, 1
    one = np.round(rng.normal(size=n) + two, 1 + seed % 3) + 1e-3  # none is 0
    several = (rng.random((n, 4)) < 0.3).astype(int)
    found = np.round(rng.normal(size=(n, 4)) + 2 * several - 1, 2) + 1e-3
    return {"y": y, "chances": chances, "two": two, "one": one, "several": several, "found": found}


def ours(y, chances, two, one, several, found):
    """Return every number by name, by this toolkit."""
    numbers = {
        "log_loss": log_loss(chances, y),
        "log_loss of two": log_loss(1 / (1 + np.exp(-one)), two),
        "matthews": matthews(chances, y),
        "matthews of two": matthews(one, two),
        "roc_auc": roc_auc(chances, y),
        "roc_auc of two": roc_auc(one, two),
        "confusion": confusion_matrix(chances, y),
        "weights": balanced_weights(y),
        "accuracy exact": accuracy.of_labels("exact")(found, several),
        "accuracy micro": accuracy.of_labels("micro")(found, several),
    }
    for name, values in precision_recall_curve(one, two)._asdict().items():
        numbers[f"curve {name}"] = values
    scale = Standardizer().fit(found)
    numbers |= {"mean": scale.mean, "deviation": scale.deviation, "transformed": scale.transform(found)}
    for metric in (precision, recall, f1):
        name = metric.__name__
        numbers |= {name: metric(chances, y), f"{name} of two": metric(one, two)}
        for average in ("micro", "macro"):
            numbers[f"{name} {average}"] = metric.of_labels(average)(found, several)
        numbers[f"{name} at 0.7"] = metric(one, two, threshold=0.7)
    return numbers


def reference(y, chances, two, one, several, found):
    """Return the same by scikit-learn."""
    from sklearn import metrics, preprocessing
    from sklearn.utils.class_weight import compute_class_weight

    taken, above, labels = chances.argmax(axis=1), (one > 0).astype(int), (found > 0).astype(int)
    chance = 1 / (1 + np.exp(-one))
    of_precision, of_recall, thresholds = metrics.precision_recall_curve(two, one)
    scale = preprocessing.StandardScaler().fit(found)
    numbers = {
        "log_loss": metrics.log_loss(y, chances),
        "log_loss of two": metrics.log_loss(two, chance),
        "matthews": metrics.matthews_corrcoef(y, taken),
        "matthews of two": metrics.matthews_corrcoef(two, above),
        "roc_auc": metrics.roc_auc_score(y, chances, multi_class="ovr"),
        "roc_auc of two": metrics.roc_auc_score(two, one),
        "confusion": metrics.confusion_matrix(y, taken),
        "weights": compute_class_weight("balanced", classes=np.unique(y), y=y),
        "accuracy exact": metrics.accuracy_score(several, labels),
        "accuracy micro": 1 - metrics.hamming_loss(several, labels),
        "curve precision": of_precision,
        "curve recall": of_recall,
        "curve thresholds": np.append(thresholds, np.inf),
        "mean": scale.mean_,
        "deviation": scale.scale_,
        "transformed": scale.transform(found),
    }
    for name in ("precision", "recall", "f1"):
        score = getattr(metrics, f"{name}_score")
        numbers[name] = score(y, taken, average="macro", zero_division=0)
        numbers[f"{name} of two"] = score(two, above, zero_division=0)
        for average in ("micro", "macro"):
            numbers[f"{name} {average}"] = score(several, labels, average=average, zero_division=0)
        numbers[f"{name} at 0.7"] = score(two, (one > 0.7).astype(int), zero_division=0)
    return numbers


@pytest.mark.parametrize("seed", SEEDS)
def test_every_number_is_that_of_scikit_learn(seed):
    with np.load(FILE) as stored:
        expected = {name.split("/", 1)[1]: stored[name] for name in stored if name.startswith(f"{seed}/")}
    found = ours(**case(seed))
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-12, atol=1e-12, err_msg=name)


if __name__ == "__main__":
    import sklearn

    stored = {f"{seed}/{name}": value for seed in SEEDS for name, value in reference(**case(seed)).items()}
    np.savez_compressed(FILE, version=sklearn.__version__, **stored)
