"""The two steps of a Kalman filter whose first numbers are measured, each on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.floating[Any]]


def predict(state: Numbers, covariance: Numbers, forward: Numbers, noise: Numbers) -> tuple[Numbers, Numbers]:
    """State (n) and covariance (n x n) after a step of `forward` (n x n), disturbed by `noise` (n x n)."""
    return forward @ state, forward @ covariance @ forward.T + noise


def correct(state: Numbers, covariance: Numbers, measured: Numbers, noise: Numbers) -> tuple[Numbers, Numbers]:
    """State and covariance once the state's first m numbers were measured, with variances `noise` (m).

    Those never mix, so that what is inverted is a diagonal; LAPACK would wake threads for so small a one. The
    covariance is Joseph's form, which stays symmetric (Bar-Shalom, Li and Kirubarajan 2001, 5.2.3).
    """
    import numpy as np

    count = len(measured)
    gain = covariance[:, :count] * (1 / (np.diag(covariance)[:count] + noise))
    left = np.eye(len(state))
    left[:, :count] -= gain
    return state + gain @ (measured - state[:count]), left @ covariance @ left.T + gain * noise @ gain.T
