"""Fewer triangles by half-edge collapse under the quadric error metric.

Garland and Heckbert, "Surface Simplification Using Quadric Error Metrics", SIGGRAPH 1997. A
collapse moves a vertex onto a neighbour, so every vertex that is left is one of the original's:
weights, texture coordinates and blend shapes carry over by index.
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

FLIP = 0.3  # a collapse may not turn a face's normal by more than about 70 degrees
SHORT = 1e-7  # per m2 of edge length: collapses short edges first where the surface is flat


def boundary(faces: I64, vertices: int) -> NDArray[np.bool_]:
    """Which vertices lie on an edge with one face only, bool (vertices,)."""
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1)
    kept, count = np.unique(edges, axis=0, return_counts=True)
    out = np.zeros(vertices, bool)
    out[kept[count == 1]] = True
    return out


def quadrics(points: F64, faces: I64) -> F64:
    """Area-weighted sum of squared plane distances around each vertex, (V, 4, 4)."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    area = np.linalg.norm(normal, axis=1, keepdims=True)
    normal = normal / np.maximum(area, 1e-20)
    plane = np.concatenate([normal, -(normal * a).sum(1, keepdims=True)], 1)
    out = np.zeros((len(points), 4, 4))
    for corner in faces.T:
        np.add.at(out, corner, area[:, :, None] * plane[:, :, None] * plane[:, None, :])
    return out


def decimate(points: F64, faces: I64, target: int, weight: F64) -> I64:
    """Faces, (F', 3) indices into ``points``, that use about ``target`` vertices.

    points (V, 3) m; faces (F, 3); weight (V,): how much an error there counts (2 keeps more). Open
    boundaries stay as they are. Faces keep their winding.
    """
    faces = faces.copy()
    around: list[set[int]] = [set() for _ in range(len(points))]
    for f, face in enumerate(faces.tolist()):
        for v in face:
            around[v].add(f)
    locked = boundary(faces, len(points))
    error = quadrics(points, faces) * weight[:, None, None]
    version = [0] * len(points)
    alive = np.ones(len(faces), bool)
    heap: list[tuple[float, int, int, int, int]] = []

    def neighbours(v: int) -> set[int]:
        return set(faces[list(around[v])].ravel().tolist()) - {v}

    def push(a: int, b: int) -> None:
        if locked[a]:
            return
        p = np.append(points[b], 1.0)
        edge = points[a] - points[b]
        cost = float(p @ (error[a] + error[b]) @ p) + SHORT * float(edge @ edge) * weight[a]
        heapq.heappush(heap, (cost, a, b, version[a], version[b]))

    left = 0
    for a in np.unique(faces).tolist():
        left += 1
        for b in neighbours(a):
            push(a, b)
    while left > target and heap:
        _, a, b, made_a, made_b = heapq.heappop(heap)
        if version[a] != made_a or version[b] != made_b:
            continue
        both = around[a] & around[b]
        # The link condition: the edge's two faces and no other vertex see both ends.
        if len(both) != 2 or len(neighbours(a) & neighbours(b)) != 2:
            continue
        moved = list(around[a] - both)
        if _flips(points, faces[moved], a, b):
            continue
        for f in both:
            alive[f] = False
            for v in faces[f].tolist():
                around[v].discard(f)
        for f in moved:
            faces[f][faces[f] == a] = b
            around[b].add(f)
        around[a].clear()
        error[b] += error[a]
        version[a] = -1
        version[b] += 1
        left -= 1
        for v in neighbours(b):
            push(b, v)
            push(v, b)
    return faces[alive]


def _flips(points: F64, faces: I64, a: int, b: int) -> bool:
    """Would moving vertex ``a`` onto ``b`` fold any of these faces over?"""
    before = points[faces]
    after = points[np.where(faces == a, b, faces)]
    n0 = np.cross(before[:, 1] - before[:, 0], before[:, 2] - before[:, 0])
    n1 = np.cross(after[:, 1] - after[:, 0], after[:, 2] - after[:, 0])
    limit = FLIP * np.linalg.norm(n0, axis=1) * np.linalg.norm(n1, axis=1) + 1e-14
    return bool(((n0 * n1).sum(1) < limit).any())
