"""The ceiling of a curve over training, where the points identify it.

    score(x) = R_0 + (A − R_0) / (1 + (C/x)^B)

x: completions generated; R_0: the base policy's score; A: the ceiling; C: x at half of the rise; B:
steepness. From ScaleRL (arXiv 2510.13786), which fits compute where we fit completions.

The points share their questions and runs, so that their errors go together. Their covariance Σ is
that of the questions' means, plus what the seeds show beyond it (the matrix of what
analysis/inference/seed_spread.py says of one score). R_0, A, C and B minimise
(y − score)ᵀ Σ⁻¹ (y − score): generalised least squares. The 95 % interval of A holds the ceilings
with which the other three fit nearly as well: by at most t²_ν more, ν by Satterthwaite over seeds
and questions (profile likelihood). It is wider above than below, as extrapolations are.

A ceiling is easily printed and hardly ever known. It is refused where there are too few points, no
rise beyond doubt, where the best fit lies at a bound, where training ended before half of the rise
that the fit sees, and where a ceiling 5 points off fits nearly as well: each with its reason.
"""

from typing import NamedTuple, cast

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import brentq, least_squares
from scipy.stats import t

from analysis.inference.bootstrap import PERCENTILES
from analysis.inference.curves import TrainingCurve
from analysis.inference.seed_spread import satterthwaite

FEWEST_POINTS = 4  # after the base policy: three parameters more than its score, and one to spare
WIDEST = 0.05  # a ceiling that is this far off must not fit
STEEPNESS = (0.3, 10.0)
FIRST_HALVES = (0.3, 1.0, 3.0)  # C, in units of the middle point


class Ceiling(NamedTuple):
    value: float
    low: float  # 95 % interval
    high: float


class Errors(NamedTuple):
    """Covariance of the X points of a curve, in squared scores."""

    questions_XX: np.ndarray  # with the seeds' interaction and the sampling in it
    seeds_XX: np.ndarray  # what exceeds it
    degrees: tuple[int, int]  # of freedom, of the two

    @property
    def root_XX(self) -> np.ndarray:
        """Lower triangle L, L Lᵀ = Σ. Points without any spread get a little."""
        total_XX = self.questions_XX + self.seeds_XX
        return np.linalg.cholesky(total_XX + 1e-10 * np.eye(len(total_XX)))


class CurveFit(NamedTuple):
    base: float
    ceiling: float
    half: float  # C, completions
    steepness: float
    misfit: float  # (y − score)ᵀ Σ⁻¹ (y − score)
    weights_X: np.ndarray  # by how much the ceiling moves with each point
    at_a_bound: bool


def fitted_ceiling(curve: TrainingCurve) -> tuple[Ceiling | None, str]:
    """The ceiling and "", or None and why the curve does not identify it."""
    if curve.x[0] != 0:
        return None, "the base policy has not been evaluated"
    if len(curve.x) - 1 < FEWEST_POINTS:
        return None, f"fewer than {FEWEST_POINTS} policies were evaluated after the base policy"
    errors, y_X = point_errors(curve.y_XSQ), curve.value
    if not rises(y_X, errors):
        return None, "the last policy is not clearly above the base policy"
    fit = fit_curve(curve.x, y_X, errors.root_XX)
    if fit.at_a_bound:
        return None, "the best fit is at a bound of its parameters"
    if curve.x[-1] < fit.half:
        return None, (
            f"training ended after {curve.x[-1]:,.0f} completions, before half of the fitted rise"
            f" (at {fit.half:,.0f})"
        )
    parts = [float(fit.weights_X @ each @ fit.weights_X) for each in errors[:2]]
    allowed = critical(parts, errors.degrees)

    def excess(ceiling: float) -> float:
        """How much worse than allowed the curve fits with this ceiling."""
        worse = fit_curve(curve.x, y_X, errors.root_XX, ceiling, fit).misfit - fit.misfit
        return worse - allowed

    below, above = fit.ceiling - WIDEST, fit.ceiling + WIDEST
    if min(excess(below), excess(above)) <= 0:
        return None, "a ceiling 5 points off fits nearly as well"
    low, high = (cast(float, brentq(excess, fit.ceiling, end, xtol=1e-4)) for end in (below, above))
    if fit.ceiling > 1:
        return None, "the best fit is above 100"
    return Ceiling(fit.ceiling, max(0.0, low), min(1.0, high)), ""


def point_errors(y_XSQ: np.ndarray) -> Errors:
    """The covariance of the means of y_XSQ over seeds and questions."""
    X, S, Q = y_XSQ.shape
    questions_XX = np.cov(y_XSQ.mean(axis=1)) / Q
    if S == 1:
        return Errors(questions_XX, np.zeros((X, X)), (Q - 1, 1))
    mean_XS = y_XSQ.mean(axis=2)
    rest_XSQ = y_XSQ - mean_XS[:, :, None] - y_XSQ.mean(axis=1)[:, None]
    rest_XN = (rest_XSQ + mean_XS.mean(axis=1)[:, None, None]).reshape(X, -1)
    noise_XX = rest_XN @ rest_XN.T / ((S - 1) * (Q - 1)) / (S * Q)
    size_X, axes_XX = np.linalg.eigh(np.cov(mean_XS) / S - noise_XX)
    seeds_XX = (axes_XX * np.maximum(0, size_X)) @ axes_XX.T
    return Errors(questions_XX, seeds_XX, (Q - 1, S - 1))


def rises(y_X: np.ndarray, errors: Errors) -> bool:
    """Whether the last point is above the first beyond doubt."""
    from_to = np.zeros(len(y_X))
    from_to[[0, -1]] = -1, 1
    parts = [float(from_to @ each @ from_to) for each in errors[:2]]
    return y_X[-1] - y_X[0] > (critical(parts, errors.degrees) * sum(parts)) ** 0.5


def critical(parts: list[float], degrees: tuple[int, int]) -> float:
    """t² of the sum of two variance estimates."""
    return float(t.ppf(PERCENTILES[1], satterthwaite(parts, degrees))) ** 2


def fit_curve(
    x: np.ndarray,
    y_X: np.ndarray,
    root_XX: np.ndarray,
    ceiling: float | None = None,
    near: CurveFit | None = None,
) -> CurveFit:
    """Generalised least squares; with a given ceiling only of R_0, C and B. `near`: a further fit
    from which to start, since a search may end in a local minimum.
    """
    bounds = np.array([(-0.5, 1.5), (np.log(x[1] / 10), np.log(x[-1] * 10)), np.log(STEEPNESS)])
    if ceiling is None:
        bounds = np.concatenate([bounds, [(-1.0, 2.0)]])

    def residuals(p: np.ndarray) -> np.ndarray:
        top = p[3] if ceiling is None else ceiling
        modelled_X = p[0] + (top - p[0]) * risen(x, p[1], p[2])
        return solve_triangular(root_XX, y_X - modelled_X, lower=True)

    middle = float(np.median(x[1:]))
    starts = [[y_X[0], np.log(start * middle), 0.0, y_X.max()] for start in FIRST_HALVES]
    if near is not None:
        starts.append([near.base, np.log(near.half), np.log(near.steepness), near.ceiling])
    tries = [
        least_squares(
            residuals,
            np.clip(start[: len(bounds)], *bounds.T),
            bounds=tuple(bounds.T),
            x_scale="jac",
        )
        for start in starts
    ]
    best = min(tries, key=lambda found: found.cost)
    whitened_XX = solve_triangular(root_XX, np.eye(len(x)), lower=True)
    moves = -np.linalg.pinv(best.jac) @ whitened_XX
    base, half, steepness, *top = best.x.tolist()
    return CurveFit(
        base,
        top[0] if ceiling is None else ceiling,
        float(np.exp(half)),
        float(np.exp(steepness)),
        2 * float(best.cost),
        moves[-1],
        bool(best.active_mask.any()),
    )


def risen(x: np.ndarray, log_half: float, log_steepness: float) -> np.ndarray:
    """(X,) the share of the rise at x, which begins with 0."""
    share_X = np.zeros(len(x))
    share_X[1:] = 1 / (1 + np.exp(np.exp(log_steepness) * (log_half - np.log(x[1:]))))
    return share_X
