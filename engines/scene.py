"""A renderer's sheets as flat arrays, the way a device wants them: few kernels, long rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.render import Renderer
from engines.sheet import Skin, Texture
from engines.types import F32, I32, U8

FINE = 2  # rasters of inferred skin are twice as fine as the picture


@dataclass(frozen=True, slots=True)
class Scene:
    """All points, triangles and texels of an avatar, textures first, then skins, then covers.

    names: of the sheets, textures, then skins. points: f32 (P, 4), x, y, z m and how much finer
    than the picture their raster is; centres: f32 (P, 4); index: i32 (P, 4); weight: f32 (P, 4);
    sheet: i32 (P,), -1 for covers. faces: i32 (F, 4), three points and 2 * sheet + ragged;
    textured: how many of them are of textures. xy: f32 (N, 2) texture px of the textures' points;
    colours: f32 (M, 4) of the skins' points, which come after those; covered: i32 (C,), which of
    them have a cover, the last C points. texels: u8 (T, 4); sheets: i32 (S, 8), see ``Sheet`` in
    kernels/raster.cu; keys: pixels of all sheets' rasters.
    """

    names: tuple[str, ...]
    points: F32
    centres: F32
    index: I32
    weight: F32
    sheet: I32
    faces: I32
    textured: int
    xy: F32
    colours: F32
    covered: I32
    texels: U8
    sheets: I32
    keys: int

    @staticmethod
    def of(renderer: Renderer) -> Scene:
        """The scene that ``renderer`` draws."""
        textures, skins = list(renderer.textures.values()), list(renderer.skins.values())
        drawn: list[Texture | Skin] = [*textures, *skins]
        bindings = [sheet.binding for sheet in drawn] + [skin.covers for skin in skins]
        lengths = np.array([len(binding.points) for binding in bindings], np.int64)
        first_point = np.cumsum(lengths) - lengths
        first_colour = int(lengths[: len(textures)].sum())
        owner = np.repeat(np.arange(len(bindings)), lengths)
        fine = np.where(owner < len(textures), 1, FINE)
        faces = [
            np.column_stack([sheet.faces + first, 2 * n + sheet.ragged.astype(np.int32)])
            for n, (sheet, first) in enumerate(zip(drawn, first_point, strict=False))
        ]
        covered = [
            skin.covered + first - first_colour
            for skin, first in zip(skins, first_point[len(textures) :], strict=False)
        ]
        area = renderer.size[0] * renderer.size[1] + 1 & ~1  # pairs of keys begin at 16 bytes
        texels = np.cumsum([0, *(t.pixels.shape[0] * t.pixels.shape[1] for t in textures)])
        textured = sum(len(t.faces) for t in textures)
        rows = [
            (n * area, 1, 0, texels[n], t.pixels.shape[1], t.pixels.shape[0], 0, 0)
            for n, t in enumerate(textures)
        ] + [
            ((len(textures) + FINE * FINE * n) * area, FINE, textured, -1, 0, 0, 0, 0)
            for n in range(len(skins))
        ]
        return Scene(
            names=(*renderer.textures, *renderer.skins),
            points=_rows([np.column_stack([_rows([b.points for b in bindings], 3), fine])], 4),
            centres=np.pad(_rows([b.centres for b in bindings], 3), ((0, 0), (0, 1))),
            index=np.concatenate([b.index for b in bindings]).astype(np.int32),
            weight=_rows([b.weight for b in bindings], 4),
            sheet=np.where(owner < len(drawn), owner, -1).astype(np.int32),
            faces=np.concatenate(faces).astype(np.int32),
            textured=textured,
            xy=_rows([t.xy for t in textures], 2),
            colours=_rows([skin.colours for skin in skins], 4),
            covered=np.concatenate([np.zeros(0), *covered]).astype(np.int32),
            texels=np.concatenate(
                [np.zeros((0, 4), np.uint8), *(t.pixels.reshape(-1, 4) for t in textures)]
            ),
            sheets=np.array(rows, np.int32),
            keys=(len(textures) + FINE * FINE * len(skins)) * area,
        )

    def order(self, names: list[str]) -> list[int]:
        """Sheets back to front, given names back to front: skin lies beneath its texture."""
        last = range(len(self.names) - 1, -1, -1)
        return [n for name in names for n in last if self.names[n] == name]


def _rows(arrays: Sequence[NDArray[Any]], width: int) -> F32:
    return np.concatenate([np.zeros((0, width)), *arrays]).astype(np.float32)
