"""Reducing a body: decimation and basis on shapes small enough to check by hand."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from engines.body.mesh import PATH, load_body
from export import body
from export.body_decimate import boundary, decimate


def icosphere(times: int) -> tuple[np.ndarray, np.ndarray]:
    """An octahedron split ``times`` times, on the unit sphere, outward."""
    points = [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]
    vertices = [np.array(p, float) for p in points]
    faces = [
        (x, y, z) if (x + y + z) % 2 else (x, z, y) for x in (0, 1) for y in (2, 3) for z in (4, 5)
    ]
    for _ in range(times):
        middles: dict[tuple[int, int], int] = {}

        def middle(a: int, b: int, middles: dict[tuple[int, int], int] = middles) -> int:
            key = (min(a, b), max(a, b))
            if key not in middles:
                p = vertices[a] + vertices[b]
                vertices.append(p / np.linalg.norm(p))
                middles[key] = len(vertices) - 1
            return middles[key]

        faces = [
            f
            for a, b, c in faces
            for ab, bc, ca in [(middle(a, b), middle(b, c), middle(c, a))]
            for f in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))
        ]
    out, turned = np.array(vertices), np.array(faces, np.int64)
    normal = np.cross(out[turned[:, 1]] - out[turned[:, 0]], out[turned[:, 2]] - out[turned[:, 0]])
    inward = (normal * out[turned].mean(1)).sum(1) < 0
    turned[inward] = turned[inward][:, ::-1]
    return out, turned


def test_decimated_sphere_stays_closed_and_outward() -> None:
    points, faces = icosphere(3)
    assert len(points) == 258
    fewer = decimate(points, faces, 100, np.ones(len(points)))
    used = np.unique(fewer)
    assert len(used) == 100
    assert len(fewer) == 2 * 100 - 4  # Euler
    assert not boundary(fewer, len(points)).any()
    a, b, c = (points[fewer[:, k]] for k in range(3))
    assert (np.cross(b - a, c - a) * (a + b + c)).sum(1).min() > 0
    volume = (a * np.cross(b, c)).sum() / 6
    assert volume == pytest.approx(4 / 3 * np.pi, rel=0.08)


def test_flat_inside_goes_first_and_the_boundary_stays() -> None:
    n = 6
    y, x = np.mgrid[:n, :n]
    points = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], 1).astype(float)
    corner = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    faces = np.concatenate(
        [
            np.stack([corner, corner + 1, corner + n], 1),
            np.stack([corner + 1, corner + n + 1, corner + n], 1),
        ]
    )
    edge = boundary(faces, len(points))
    assert edge.sum() == 4 * (n - 1)
    fewer = decimate(points, faces, 21, np.ones(len(points)))
    assert set(np.flatnonzero(edge)) <= set(np.unique(fewer).tolist())
    a, b, c = (points[fewer[:, k]] for k in range(3))
    assert np.cross(b - a, c - a)[:, 2].sum() / 2 == pytest.approx((n - 1) ** 2)


def test_weight_keeps_detail() -> None:
    points, faces = icosphere(3)
    fine = np.where(points[:, 0] > 0, 50.0, 1.0)
    used = np.unique(decimate(points, faces, 120, fine))
    assert (points[used, 0] > 0).sum() > 2 * (points[used, 0] < 0).sum()


def test_basis_finds_a_line() -> None:
    steps = np.array([-1.0, 0, 1, 2, 3])
    direction = np.array([0.0, -3, 4])
    mean, rows = body.basis(steps[:, None] * direction + 1, 2)
    np.testing.assert_allclose(mean, 1 + direction)
    np.testing.assert_allclose(rows[0], direction * steps.std(ddof=1))
    np.testing.assert_allclose(rows[1], 0, atol=1e-12)


def test_turned_axes() -> None:
    up_and_back = body.turned([[1.0, 2.0, 3.0]])  # Anny: x left of the body, y back, z up
    np.testing.assert_array_equal(up_and_back, [[1, -3, 2]])


def test_part_of_bone() -> None:
    names = ["head", "spine01", "clavicle.L", "shoulder01.R", "upperarm02.R", "finger1-1.L"]
    parts = [body.PART_NAMES[body.part_of(name)] for name in names]
    assert parts == ["head", "torso", "torso", "torso", "upper_arm.R", "hand.L"]


def test_phenotypes_start_with_the_middle() -> None:
    people = body.sample_phenotypes(50, ["gender", "age", "weight"])
    assert people.shape == (50, 3)
    np.testing.assert_allclose(people[0], [0.5, 2 / 3, 0.5], atol=1e-6)
    assert people.min() >= 0
    assert people.max() <= 1


def test_what_is_written_is_what_is_loaded(tmp_path: Path) -> None:
    with np.load(PATH) as file:
        arrays = {name: file[name] for name in file.files}
    digest = body.write(tmp_path / "b.npz", arrays)
    assert json.loads((tmp_path / "b.json").read_text())["sha256"] == digest
    np.testing.assert_array_equal(load_body(tmp_path / "b.npz").mean.rest, arrays["rest"])


def test_subcommand() -> None:
    parser = argparse.ArgumentParser()
    body.add_parser(parser.add_subparsers())
    assert parser.parse_args(["body", "--out", "x.npz"]).out == Path("x.npz")
