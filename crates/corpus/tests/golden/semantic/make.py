"""Writes semantic.json: scikit-learn's k-means and a plain SemDeDup on a small set.

SemDeDup is written out in NumPy after the published algorithm: of a cluster sorted from the row to
keep first on, a row goes if its greatest cosine with an earlier one reaches the threshold.
"""

import json
import pathlib
import sys

import numpy as np
from sklearn.cluster import KMeans

ROWS, DIMS, CLUSTERS = 240, 6, 8


def semdedup(unit, labels, centroids, threshold, sign):
    dropped = []
    for cluster in range(len(centroids)):
        rows = np.flatnonzero(labels == cluster)
        near = unit[rows] @ centroids[cluster]
        rows = rows[np.argsort(sign * near, kind="stable")]
        cosines = np.triu(unit[rows] @ unit[rows].T, 1)
        dropped += rows[cosines.max(axis=0) >= threshold].tolist() if len(rows) > 1 else []
    return sorted(dropped)


def main(folder):
    rng = np.random.default_rng(5)
    centers = rng.normal(size=(CLUSTERS, DIMS))
    rows = np.repeat(centers, ROWS // CLUSTERS, axis=0) + 0.35 * rng.normal(size=(ROWS, DIMS))
    rows = rows.astype(np.float32).round(3)
    unit = rows.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    best = KMeans(CLUSTERS, n_init=50, random_state=0, algorithm="lloyd").fit(unit)
    labels = best.labels_
    means = np.stack([unit[labels == cluster].sum(axis=0) for cluster in range(CLUSTERS)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    # Thresholds stand in the widest gap of the cosines near a round value, so rounding cannot matter.
    cosines = np.sort((unit @ unit.T)[np.triu_indices(ROWS, 1)])
    thresholds = []
    for wish in (0.9, 0.95, 0.98):
        around = cosines[np.abs(cosines - wish) < 0.003]
        gap = np.argmax(np.diff(around))
        thresholds.append(float((around[gap] + around[gap + 1]) / 2))
    golden = {
        "dims": DIMS, "clusters": CLUSTERS, "values": [float(f"{v:.3f}") for v in rows.ravel()],
        "inertia": float(best.inertia_), "labels": labels.tolist(),
        "centroids": means.ravel().tolist(),
        "similarities": (unit * means[labels]).sum(axis=1).tolist(),
        "dropped": [{"threshold": t,
                     "hard": semdedup(unit, labels, means, t, 1),
                     "easy": semdedup(unit, labels, means, t, -1)} for t in thresholds],
    }
    pathlib.Path(folder, "semantic.json").write_text(json.dumps(golden) + "\n")
    print(best.inertia_, [(len(d["hard"]), len(d["easy"])) for d in golden["dropped"]])


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else ".")
