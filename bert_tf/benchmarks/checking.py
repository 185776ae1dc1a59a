"""Whether all contestants compute the same."""

from collections.abc import Mapping

import numpy as np

from bert_tf.config import require


def difference(reference: np.ndarray, other: np.ndarray, *, angles: bool = False) -> float:
    """How far one output is off another.

    Args:
        reference: of the first contestant.
        other: of another one.
        angles: compare directions only.

    Returns:
        Of whole numbers and strings the share that differs; of floats the largest difference over the largest absolute
        value of the reference; with `angles` one minus the smallest cosine over the last axis. 1 where shapes differ,
        infinity where `other` has a number that is not finite.
    """
    reference, other = np.asarray(reference), np.asarray(other)
    if reference.shape != other.shape:
        return 1.0
    if reference.dtype.kind != "f":
        return float(np.mean(reference != other)) if reference.size else 0.0
    reference, other = reference.astype(np.float64), other.astype(np.float64)
    if not np.isfinite(other).all():
        return float("inf")
    if angles:
        norms = np.linalg.norm(reference, axis=-1) * np.linalg.norm(other, axis=-1)
        return float(1 - np.min(np.sum(reference * other, axis=-1) / norms))
    return float(np.max(np.abs(reference - other)) / max(np.max(np.abs(reference)), 1e-12))


def require_agreement(benchmark: str, names: tuple[str, str], reference: Mapping[str, np.ndarray],
                      other: Mapping[str, np.ndarray], tolerance: float, *, angles: bool = False) -> float:
    """The largest difference of the outputs that both contestants have.

    Raises:
        ValueError: they have none in common, or one differs by more than `tolerance`; names both contestants.
    """
    common = [key for key in reference if key in other]
    require(bool(common), f"{names[0]} and {names[1]} to have outputs in common in {benchmark}",
            outputs=[sorted(reference), sorted(other)])
    differences = {key: difference(reference[key], other[key], angles=angles) for key in common}
    worst = max(differences, key=differences.__getitem__)
    require(differences[worst] <= tolerance,
            f"{names[1]} to compute what {names[0]} does in the benchmark {benchmark}: `{worst}` within {tolerance:g}",
            difference=float(f"{differences[worst]:.3g}"))
    return differences[worst]
