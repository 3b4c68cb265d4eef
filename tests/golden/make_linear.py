# SPDX-License-Identifier: Apache-2.0
"""Linear classifiers by scikit-learn, on rows that a C program can make again.

    python make_linear.py            writes linear.txt beside this script
    python make_linear.py FILE.npz   fits each array of a file that `fovea features` wrote, by the rows' labels in its
                                     companion FILE.npz.json, and prints accuracies over stratified folds
    python make_linear.py FILE.npz COEFFICIENTS.npz
                                     compares what `fovea linear --coefficients` fitted on all rows of FILE.npz (C 1)
                                     with scikit-learn's minimum, and ends with 1 where they are 1e-3 apart or answer
                                     differently

Row i of case NAME has class y = i mod classes (less balanced: every fifth row has class 0), and the numbers
(float)(2 j + (1 + j / 2) * x(NAME, i * width + j) + 0.7 * (j mod classes == y)), x as in README.md. A line of the file:
NAME loss C standardize classes n width, then the weight vectors, then the intercepts, then the classes said."""
import json
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import fvgolden

CASES = [
    # name, loss, C, standardize, classes, n, width
    ("three", "logreg", 1.0, 0, 3, 60, 5),
    ("three-weak", "logreg", 0.01, 0, 3, 60, 5),
    ("three-scaled", "logreg", 2.0, 1, 3, 60, 5),
    ("two", "logreg", 1.0, 0, 2, 40, 4),
    ("wide", "logreg", 1.0, 0, 4, 24, 40),
    ("svm", "svm", 1.0, 0, 3, 60, 5),
    ("svm-two", "svm", 0.5, 0, 2, 40, 4),
    ("svm-scaled", "svm", 1.0, 1, 4, 48, 6),
    ("hinge", "hinge", 1.0, 1, 3, 60, 5),
    ("hinge-two", "hinge", 0.1, 0, 2, 40, 4),
]


def rows(name, classes, n, width):
    u = (fvgolden.splitmix64(fvgolden.fnv1a64(name), n * width) >> np.uint64(40)).astype(np.float64) / 8388608.0 - 1.0
    y = np.array([0 if i % 5 == 4 else i % classes for i in range(n)])
    j = np.arange(width)
    x = 2.0 * j + (1.0 + 0.5 * j) * u.reshape(n, width) + 0.7 * ((j % classes)[None, :] == y[:, None])
    return x.astype(np.float32), y


def classifier(loss, c):
    if loss == "logreg":
        return LogisticRegression(C=c, tol=1e-10, max_iter=10000, solver="newton-cholesky")
    if loss == "svm":
        return LinearSVC(C=c, tol=1e-12, max_iter=10000000, dual=False)
    return LinearSVC(C=c, loss="hinge", tol=1e-9, max_iter=10000000, random_state=0)


def fit(x, y, loss, c, standardize):
    x = x.astype(np.float64)
    scaler = StandardScaler().fit(x) if standardize else None
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = classifier(loss, c).fit(scaler.transform(x) if scaler else x, y)
    w, b = model.coef_, model.intercept_
    if scaler:
        b = b - (w / scaler.scale_) @ scaler.mean_
        w = w / scaler.scale_
    z = x @ w.T + b
    said = (z[:, 0] > 0).astype(int) if z.shape[1] == 1 else z.argmax(1)
    return w, b, said


def write():
    lines = []
    for name, loss, c, standardize, classes, n, width in CASES:
        x, y = rows(name, classes, n, width)
        w, b, said = fit(x, y, loss, c, standardize)
        numbers = " ".join(f"{v:.9g}" for v in np.concatenate([w.ravel(), b.ravel()]))
        lines.append(f"{name} {loss} {c:g} {standardize} {classes} {n} {width} {numbers} " + " ".join(map(str, said)))
    (Path(__file__).parent / "linear.txt").write_text("\n".join(lines) + "\n")


def sweep(path):
    arrays = np.load(path)
    y = np.array([s["label"] for s in json.loads(Path(path + ".json").read_text())["samples"]])
    for name in arrays.files:
        if name == "label":
            continue
        x = arrays[name].reshape(len(y), -1)
        got = []
        for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(x, y):
            w, b, _ = fit(x[train], y[train], "logreg", 1.0, 0)
            got.append(((x[test] @ w.T + b).argmax(1) == y[test]).mean())
        print(f"{name:32} {100 * np.mean(got):6.2f} +- {100 * np.std(got, ddof=1):.2f}")


def minimum(x, y):
    """scikit-learn's weights and intercepts, where its objective is at its minimum. As it is by default (lbfgs until its
    gradient is below 1e-4) they are up to a hundredth away from that where features are large and far from 0. So the rows
    are centered, which moves the intercepts alone, and turned into the space that they span, which leaves the length of
    the weights as it is and makes Newton's method affordable."""
    mean = x.mean(0)
    u, s, v = np.linalg.svd(x - mean, full_matrices=False)
    keep = s > 1e-12 * s[0]
    model = LogisticRegression(C=1.0, tol=1e-9, max_iter=1000, solver="newton-cholesky").fit(u[:, keep] * s[keep], y)
    w = model.coef_ @ v[keep]
    return w, model.intercept_ - w @ mean


def compare(path, fitted):
    """A constant that is added to all intercepts changes no answer, and none of the objective: both have mean 0."""
    arrays, got, far = np.load(path), np.load(fitted), 0
    y = np.array([s["label"] for s in json.loads(Path(path + ".json").read_text())["samples"]])
    print(f"{'layer':32} {'numbers':>7} {'weights':>9} {'intercepts':>10} {'default':>9} {'default':>10}   answers")
    for name in arrays.files:
        if name == "label":
            continue
        x = arrays[name].reshape(len(y), -1).astype(np.float64)
        usual = LogisticRegression(C=1.0, max_iter=10000).fit(x, y)
        best = minimum(x, y)
        ours = (got[name + ".weight"].astype(np.float64), got[name + ".bias"].astype(np.float64))
        said = [(x @ w.T + b).argmax(1) for w, b in (ours, best)]
        apart = [[np.abs(a - a.mean(0) - b + b.mean(0)).max() / np.abs(b - b.mean(0)).max() for a, b in zip(fit, best)]
                 for fit in (ours, (usual.coef_, usual.intercept_))]
        bad = max(apart[0]) > 1e-3 or (said[0] != said[1]).any()
        far += bad
        print(f"{name:32} {x.shape[1]:7} {apart[0][0]:9.1e} {apart[0][1]:10.1e} {apart[1][0]:9.1e} {apart[1][1]:10.1e}   "
              f"{'equal' if (said[0] == said[1]).all() else 'differ'}{'  <' if bad else ''}", flush=True)
    print(f"{far} layers too far")
    sys.exit(int(far > 0))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        compare(sys.argv[1], sys.argv[2])
    sweep(sys.argv[1]) if len(sys.argv) > 1 else write()
