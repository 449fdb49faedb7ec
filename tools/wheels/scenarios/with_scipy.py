"""Minimises, integrates, solves a sparse system, fits, interpolates and tests a hypothesis."""

import numpy as np
from scipy import integrate, interpolate, linalg, optimize, signal, sparse, spatial, special, stats
from scipy.sparse.linalg import spsolve

assert np.allclose(optimize.minimize(optimize.rosen, [1.3, 0.7, 0.8], method="BFGS").x, 1, atol=1e-3)
assert np.isclose(integrate.quad(lambda x: np.exp(-(x**2)), -np.inf, np.inf)[0], np.sqrt(np.pi))
assert np.isclose(special.gamma(5), 24)

grid = sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(500, 500), format="csc")
assert np.allclose(grid @ spsolve(grid, np.ones(500)), 1)
root = linalg.sqrtm(np.array([[4.0, 1.0], [0.0, 9.0]]))
assert np.allclose(root @ root, [[4, 1], [0, 9]])

x = np.linspace(0, 10, 200)
(slope, offset), _ = optimize.curve_fit(lambda t, a, b: a * t + b, x, 3 * x + 2)
assert np.allclose((slope, offset), (3, 2))
assert np.isclose(interpolate.CubicSpline(x, np.sin(x))(1.234), np.sin(1.234), atol=1e-5)
assert len(signal.find_peaks(np.sin(2 * x))[0]) == 3
assert spatial.ConvexHull(np.array([[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]])).volume == 1
random = np.random.default_rng(7)
assert stats.ttest_ind(random.normal(0, 1, 500), random.normal(1, 1, 500)).pvalue < 1e-6
