"""A linear classifier on named features that can be saved without pickle. Trained by scikit-learn's LinearSVC."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from sklearn.svm import LinearSVC

Floats = npt.NDArray[np.floating[Any]]
SMALLEST_WEIGHT = 1e-3  # weights below this are dropped: a tenth of the file, the same answers


@dataclass
class LinearModel:
    """One score a class: features @ weights + bias."""

    classes: list[str]
    vocabulary: dict[str, int]
    weights: Any  # csr_matrix [features, classes]
    bias: Floats  # [classes]

    def scores(self, features: Sequence[Sequence[str]]) -> Floats:
        """Scores [examples, classes] of examples given by their features; unknown features count nothing."""
        product: Floats = encode(features, self.vocabulary) @ self.weights
        return np.asarray(product.todense() if hasattr(product, "todense") else product) + self.bias

    def predict(self, features: Sequence[Sequence[str]]) -> list[str]:
        """Best class of each example."""
        return [self.classes[place] for place in self.scores(features).argmax(1)]

    def arrays(self, prefix: str) -> dict[str, npt.NDArray[Any]]:
        """The weights as plain arrays."""
        parts = {
            "data": self.weights.data,
            "indices": self.weights.indices,
            "indptr": self.weights.indptr,
            "bias": self.bias,
        }
        return {f"{prefix}.{name}": array for name, array in parts.items()}

    def names(self) -> dict[str, list[str]]:
        """Classes and features, in their order, for JSON."""
        return {"classes": self.classes, "features": list(self.vocabulary)}

    @classmethod
    def restored(cls, names: dict[str, list[str]], arrays: Any, prefix: str) -> LinearModel:
        """The model from `names()` and `arrays()`."""
        parts = [arrays[f"{prefix}.{name}"] for name in ("data", "indices", "indptr")]
        shape = (len(names["features"]), len(names["classes"]))
        vocabulary = {name: place for place, name in enumerate(names["features"])}
        return cls(names["classes"], vocabulary, csr_matrix(tuple(parts), shape=shape), arrays[f"{prefix}.bias"])


def fit(features: Sequence[Sequence[str]], labels: Sequence[str], seed: int, min_count: int = 2) -> LinearModel:
    """Trains one linear SVM a class (one against all others); features seen less than `min_count` times go."""
    counts = Counter(name for line in features for name in set(line))
    vocabulary = {name: place for place, name in enumerate(sorted(n for n, c in counts.items() if c >= min_count))}
    classes = sorted(set(labels))
    if len(classes) == 1 or not vocabulary:  # nothing to tell apart
        return LinearModel(
            classes, vocabulary, csr_matrix((len(vocabulary), len(classes)), dtype=np.float32), np.zeros(len(classes))
        )
    machine = LinearSVC(C=1.0, tol=1e-2, max_iter=100, random_state=seed)
    machine.fit(encode(features, vocabulary), np.asarray(labels))
    weights, bias = machine.coef_, machine.intercept_
    if len(classes) == 2:  # scikit-learn keeps the score of the second class alone
        weights, bias = np.concatenate([-weights, weights]), np.concatenate([-bias, bias])
    weights = np.where(np.abs(weights) < SMALLEST_WEIGHT, 0.0, weights).astype(np.float32)
    return LinearModel(classes, vocabulary, csr_matrix(weights.T), bias.astype(np.float32))


def encode(features: Sequence[Sequence[str]], vocabulary: dict[str, int]) -> Any:
    """Binary features as a sparse matrix [examples, vocabulary], each row of length 1."""
    places = [sorted({vocabulary[name] for name in line if name in vocabulary}) for line in features]
    indptr = np.concatenate([[0], np.cumsum([len(line) for line in places])])
    indices = np.fromiter((place for line in places for place in line), dtype=np.int32, count=int(indptr[-1]))
    data = np.concatenate([np.full(len(line), 1 / max(1, len(line)) ** 0.5, np.float32) for line in places])
    return csr_matrix((data, indices, indptr), shape=(len(places), len(vocabulary)))
