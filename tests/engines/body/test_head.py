from __future__ import annotations

import numpy as np
import pytest

from engines.body.head import head_turn
from engines.body.rotation import about

POINTS = np.array(
    [
        [0, 5, -22],
        [9, -6, -16],
        [-9, -6, -16],
        [20, 0, 4],
        [-20, 0, 4],
        [8, 16, -16],
        [-8, 16, -16],
    ],
    np.float64,
)
POINTS -= POINTS.mean(0)


@pytest.mark.parametrize("turn", [[0, 0, 0], [0.2, -0.4, 0.1], [-0.25, 0.5, -0.3]])
def test_known_turns_are_found_again(turn: list[float]) -> None:
    truth = np.array(turn)
    targets = (POINTS @ about(truth).T)[:, :2] + [3, -2]
    found, shift = head_turn(POINTS, targets, np.ones(7), np.zeros(3), np.full(3, 1e-6))
    np.testing.assert_allclose(found, truth, atol=0.02)
    np.testing.assert_allclose(shift, [3, -2], atol=0.2)


def test_stiffness_holds_a_noisy_head_still() -> None:
    rng = np.random.default_rng(1)
    targets = POINTS[:, :2] + rng.normal(0, 0.5, (7, 2))
    stiff, _ = head_turn(POINTS, targets, np.ones(7), np.zeros(3), np.full(3, 500.0))
    loose, _ = head_turn(POINTS, targets, np.ones(7), np.zeros(3), np.full(3, 1e-6))
    assert np.linalg.norm(stiff) < 0.7 * np.linalg.norm(loose)
