from __future__ import annotations

import numpy as np

from engines.kernels.fade import fade


def test_by_hand() -> None:
    colours = np.tile(np.array([200, 100, 40, 240], np.float32), (5, 1))
    placed = np.zeros((5, 3), np.float32)
    covered = np.array([0, 1, 3, 4], np.int32)
    covers = np.array([[1, 0, 9], [3, 4, 9], [0, 6, 9], [0, 10, 9]], np.float32)
    out = colours.copy()
    fade(colours, placed, covered, covers, np.float32(2), np.float32(10), out)
    t = 3 / 8  # at a distance of 5 between 2 and 10
    some, half = 3 * t**2 - 2 * t**3, 0.5
    gains = np.array([0, some, 1, half, 1])
    np.testing.assert_allclose(out, gains[:, None] * colours, rtol=1e-5)
