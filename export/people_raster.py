"""A small offline renderer: a z-buffer with cut-outs, and many soft lights with shadow maps.

Everything that is lit is one triangle mesh. Light is a set of distant directional lights that
together make a window, a sky and a rim; each has its own shadow map, so that their sum gives soft
shadows and the darkness of corners (ambient occlusion) at once.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from engines.types import F32, I32

SKIN, CLOTH, HAIR, EYE, LEATHER, GROUND, MOUTH = range(7)


@numba.njit(cache=True, nogil=True, fastmath=True)
def rasterise(points, faces, cut, index, bary, depth):  # type: ignore[no-untyped-def]
    """Nearest face per pixel; a pixel whose interpolated ``cut`` is negative is a hole.

    points f32 (V, 3): px, px, depth (smaller is nearer); faces i32 (F, 3); cut f32 (V,);
    out: index i32 (H, W) face or -1; bary f32 (H, W, 2); depth f32 (H, W).
    """
    height, width = index.shape
    index[:] = -1
    depth[:] = np.float32(1e9)
    for f in range(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        if cut[i] < 0 and cut[j] < 0 and cut[k] < 0:
            continue
        x0, y0 = points[i, 0], points[i, 1]
        ax, ay = points[j, 0] - x0, points[j, 1] - y0
        bx, by = points[k, 0] - x0, points[k, 1] - y0
        area = ax * by - ay * bx
        if abs(area) < 1e-9:
            continue
        left = max(0, math.ceil(min(x0, x0 + ax, x0 + bx) - 0.5))
        right = min(width - 1, math.floor(max(x0, x0 + ax, x0 + bx) - 0.5))
        top = max(0, math.ceil(min(y0, y0 + ay, y0 + by) - 0.5))
        bottom = min(height - 1, math.floor(max(y0, y0 + ay, y0 + by) - 0.5))
        one = np.float32(1) / area
        for y in range(top, bottom + 1):
            py = np.float32(y + 0.5) - y0
            for x in range(left, right + 1):
                px = np.float32(x + 0.5) - x0
                u = (px * by - bx * py) * one
                v = (ax * py - px * ay) * one
                w = np.float32(1) - u - v
                if u < 0 or v < 0 or w < 0:
                    continue
                z = w * points[i, 2] + u * points[j, 2] + v * points[k, 2]
                if z < depth[y, x] and w * cut[i] + u * cut[j] + v * cut[k] >= 0:
                    depth[y, x] = z
                    index[y, x] = f
                    bary[y, x, 0] = u
                    bary[y, x, 1] = v


@numba.njit(cache=True, nogil=True, fastmath=True)
def _depth_only(world, frame, faces, cut, points, depth):  # type: ignore[no-untyped-def]
    size = depth.shape[0]
    for v in range(len(world)):
        x, y, z = world[v, 0], world[v, 1], world[v, 2]
        for r in range(3):
            points[v, r] = frame[r, 0] * x + frame[r, 1] * y + frame[r, 2] * z + frame[r, 3]
    depth[:] = np.float32(1e9)
    for f in range(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        if cut[i] < 0 or cut[j] < 0 or cut[k] < 0:
            continue
        x0, y0 = points[i, 0], points[i, 1]
        ax, ay = points[j, 0] - x0, points[j, 1] - y0
        bx, by = points[k, 0] - x0, points[k, 1] - y0
        left = max(0, math.ceil(min(x0, x0 + ax, x0 + bx) - 0.5))
        right = min(size - 1, math.floor(max(x0, x0 + ax, x0 + bx) - 0.5))
        top = max(0, math.ceil(min(y0, y0 + ay, y0 + by) - 0.5))
        bottom = min(size - 1, math.floor(max(y0, y0 + ay, y0 + by) - 0.5))
        if right < left or bottom < top:
            continue
        area = ax * by - ay * bx
        if abs(area) < 1e-9:
            continue
        one = np.float32(1) / area
        for y in range(top, bottom + 1):
            py = np.float32(y + 0.5) - y0
            for x in range(left, right + 1):
                px = np.float32(x + 0.5) - x0
                u = (px * by - bx * py) * one
                v = (ax * py - px * ay) * one
                if u < 0 or v < 0 or u + v > 1:
                    continue
                z = (1 - u - v) * points[i, 2] + u * points[j, 2] + v * points[k, 2]
                depth[y, x] = min(depth[y, x], z)


def light_frames(directions: F32, centre: F32, radius: float, size: int) -> F32:
    """Per light the affine map (3, 4) from metres to its shadow map's px, px and depth in m."""
    frames = np.zeros((len(directions), 3, 4), np.float32)
    for frame, towards in zip(frames, directions, strict=True):
        away = -towards / np.linalg.norm(towards)
        helper = np.array([0.0, 1, 0]) if abs(away[1]) < 0.9 else np.array([1.0, 0, 0])
        right = np.cross(helper, away)
        right /= np.linalg.norm(right)
        scale = size / (2 * radius)
        frame[:, :3] = np.stack([right * scale, np.cross(away, right) * scale, away])
        frame[:, 3] = -frame[:, :3] @ centre + [size / 2, size / 2, 0]
    return frames


def shadow_maps(points: F32, faces: I32, cut: F32, frames: F32, size: int) -> F32:
    """Depth from each light, f32 (L, size, size) m."""
    maps = np.empty((len(frames), size, size), np.float32)
    seen = np.empty_like(points)
    for frame, out in zip(frames, maps, strict=True):
        _depth_only(points, frame, faces, cut, seen, out)
    return maps


@numba.njit(cache=True, nogil=True, fastmath=True, inline="always")
def _lit(maps, frames, light, x, y, z, bias):  # type: ignore[no-untyped-def]
    """Share of a light that reaches a point: 2 x 2 texels, linear between them."""
    size = maps.shape[1]
    m = frames[light]
    u = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3] - np.float32(0.5)
    v = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3] - np.float32(0.5)
    d = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3] - bias
    i, j = int(math.floor(u)), int(math.floor(v))
    if i < 0 or j < 0 or i >= size - 1 or j >= size - 1:
        return np.float32(1)
    fu, fv = u - i, v - j
    s = np.float32(0)
    if maps[light, j, i] >= d:
        s += (1 - fu) * (1 - fv)
    if maps[light, j, i + 1] >= d:
        s += fu * (1 - fv)
    if maps[light, j + 1, i] >= d:
        s += (1 - fu) * fv
    if maps[light, j + 1, i + 1] >= d:
        s += fu * fv
    return np.float32(s)


@numba.njit(cache=True, nogil=True, fastmath=True)
def shade(position, normal, albedo, gloss, material, eye, directions, colours, maps, frames, bias):  # type: ignore[no-untyped-def]
    """Light N surface points: f32 (N, 3) linear RGB.

    position, normal (N, 3): a strand's normal is its direction; albedo (N, 3); gloss (N,) 0..1;
    material u8 (N,); eye (3,) m; directions (L, 3) towards the lights; colours (L, 3).
    """
    out = np.zeros((len(position), 3), np.float32)
    # How far red, green and blue light creep under the skin past the terminator.
    wrap = np.array([0.42, 0.2, 0.14], np.float32)
    for n in range(len(position)):
        kind = material[n]
        x, y, z = position[n, 0], position[n, 1], position[n, 2]
        vx, vy, vz = eye[0] - x, eye[1] - y, eye[2] - z
        s = 1 / math.sqrt(vx * vx + vy * vy + vz * vz)
        vx, vy, vz = vx * s, vy * s, vz * s
        nx, ny, nz = normal[n, 0], normal[n, 1], normal[n, 2]
        facing = nx * vx + ny * vy + nz * vz
        if kind != HAIR and facing < 0:
            nx, ny, nz, facing = -nx, -ny, -nz, -facing
        edge = (1 - min(np.float32(1), abs(facing))) ** 4
        ox, oy, oz = nx * bias, ny * bias, nz * bias
        if kind == HAIR:
            ox, oy, oz = vx * bias, vy * bias, vz * bias
        for k in range(len(directions)):
            lx, ly, lz = directions[k, 0], directions[k, 1], directions[k, 2]
            d = nx * lx + ny * ly + nz * lz
            if kind != HAIR and d < -0.45:
                continue
            near = bias * (2.5 if kind == HAIR else 1.0)
            seen = _lit(maps, frames, k, x + ox, y + oy, z + oz, near)
            hx, hy, hz = lx + vx, ly + vy, lz + vz
            s = 1 / math.sqrt(hx * hx + hy * hy + hz * hz + 1e-9)
            h = (nx * hx + ny * hy + nz * hz) * s
            shine = np.float32(0)
            if kind == HAIR:
                across = math.sqrt(max(0.0, 1 - d * d))
                diffuse = np.float32(0.55 * across)
                over = math.sqrt(max(0.0, 1 - h * h))
                shine = np.float32(gloss[n] * (0.5 * over**60 + 0.25 * over**12))
                # Light also comes through: hair scatters forward.
                seen = 0.12 + 0.88 * seen
                for c in range(3):
                    a = albedo[n, c]
                    out[n, c] += colours[k, c] * seen * (a * diffuse + shine * (0.25 + a))
                continue
            if d > 0 and h > 0:
                power = 12.0 + 90.0 * gloss[n] * gloss[n]
                shine = np.float32(gloss[n] * (0.04 + 0.5 * edge) * (power + 8) / 25 * h**power * d)
                if kind == EYE:
                    shine = np.float32(0.35 * h**500 * 8)
            for c in range(3):
                if kind == SKIN:
                    diffuse = max(np.float32(0), (d + wrap[c]) / (1 + wrap[c]))
                    shadow = seen + (1 - seen) * wrap[c] * np.float32(0.35)
                else:
                    diffuse = max(np.float32(0), d)
                    shadow = seen
                sheen = edge * np.float32(0.10) if kind == CLOTH else np.float32(0)
                out[n, c] += colours[k, c] * (
                    albedo[n, c] * diffuse * shadow + seen * (shine + sheen * max(np.float32(0), d))
                )
    return out


@numba.njit(cache=True, nogil=True, fastmath=True)
def gather(index, bary, faces, values, rows, columns):  # type: ignore[no-untyped-def]
    """Interpolate per-vertex ``values`` (V, C) at the pixels (rows, columns): (N, C)."""
    out = np.empty((len(rows), values.shape[1]), np.float32)
    for n in range(len(rows)):
        f = index[rows[n], columns[n]]
        u, v = bary[rows[n], columns[n], 0], bary[rows[n], columns[n], 1]
        w = 1 - u - v
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        for c in range(values.shape[1]):
            out[n, c] = w * values[i, c] + u * values[j, c] + v * values[k, c]
    return out


@numba.njit(cache=True, nogil=True, fastmath=True)
def normals(points, faces):  # type: ignore[no-untyped-def]
    """Area-weighted vertex normals, f32 (V, 3)."""
    out = np.zeros(points.shape, np.float32)
    for f in range(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        a, b = points[j] - points[i], points[k] - points[i]
        x = a[1] * b[2] - a[2] * b[1]
        y = a[2] * b[0] - a[0] * b[2]
        z = a[0] * b[1] - a[1] * b[0]
        for t in (i, j, k):
            out[t, 0] += x
            out[t, 1] += y
            out[t, 2] += z
    for i in range(len(out)):
        s = math.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2) + 1e-12
        out[i] /= np.float32(s)
    return out


@numba.njit(cache=True, nogil=True, fastmath=True)
def _hash(x, y, z):  # type: ignore[no-untyped-def]
    n = (x * 73856093) ^ (y * 19349663) ^ (z * 83492791)
    n = (n ^ (n >> 13)) * 1274126177
    n = n ^ (n >> 16)
    return np.float32(n & 0xFFFF) / np.float32(32767.5) - np.float32(1)


@numba.njit(cache=True, nogil=True, fastmath=True)
def noise(points, scale):  # type: ignore[no-untyped-def]
    """Value noise in -1..1 at points (N, 3), ``scale`` (3,) cells per metre."""
    out = np.empty(len(points), np.float32)
    for n in range(len(points)):
        x, y, z = points[n, 0] * scale[0], points[n, 1] * scale[1], points[n, 2] * scale[2]
        i, j, k = int(math.floor(x)), int(math.floor(y)), int(math.floor(z))
        fx, fy, fz = x - i, y - j, z - k
        fx, fy, fz = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy), fz * fz * (3 - 2 * fz)
        total = 0.0
        for c in range(2):
            wz = fz if c else 1 - fz
            for b in range(2):
                wy = fy if b else 1 - fy
                total += (
                    wz * wy * ((1 - fx) * _hash(i, j + b, k + c) + fx * _hash(i + 1, j + b, k + c))
                )
        out[n] = total
    return out
