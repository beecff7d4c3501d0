"""Store: one folder per avatar, written whole or not at all, checked when read.

NAME/avatar.json      format, name, provenance, meta of layers, sha256 of every other file
NAME/photo.png alpha.png background.png thumbnail.png layer-*.png
NAME/meshes.npz       layers' meshes, body, body colours, reference pose, keypoints
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError, ModelError
from engines.types import U8, Avatar, BodyMesh, Camera, Keypoints, Layer, Pose, check

FORMAT = 1
MANIFEST = "avatar.json"
THUMBNAIL = "thumbnail.png"
THUMBNAIL_SIDE = 256
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_MESH = ("xy", "depth", "faces", "bone_index", "bone_weight")


def check_name(name: str) -> str:
    """``name`` if it can be a folder on every system; InputError otherwise."""
    if not _NAME.fullmatch(name) or name[-1] in " ." or _RESERVED.fullmatch(name):
        raise InputError(
            f"avatar name: got {name!r}, wanted 1 to 64 letters, digits, space, dash, dot or _",
            "for example: --name anna",
        )
    return name


def save_avatar(avatar: Avatar, avatars: Path) -> Path:
    """Write ``avatar`` to the folder ``avatars``/name, replacing one of that name; the folder.

    Everything is written to a temporary folder beside it first: a failure leaves what was there.
    """
    folder = avatars / check_name(avatar.name)
    try:
        avatars.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".writing-", dir=avatars))
    except OSError as error:
        raise InputError(
            f"{avatars}: no avatar can be written there ({error.strerror})",
            "wanted a folder that you may write to: --avatars DIR",
        ) from error
    try:
        _write(avatar, scratch)
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=".old-", dir=avatars)) / avatar.name
            try:
                folder.rename(old)
                scratch.rename(folder)
            except BaseException:  # Ctrl-C between the two too
                if not folder.exists():
                    old.rename(folder)
                raise
            finally:
                shutil.rmtree(old.parent, ignore_errors=True)
        else:
            scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def load_avatar(folder: Path) -> Avatar:
    """Read an avatar. InputError if there is none, ModelError if a file is missing or altered."""
    manifest, digest = read_manifest(folder)
    hint = f"make it again: puppetcam enroll PHOTO --name {folder.name}"
    data: dict[str, bytes] = {}
    for name, wanted in manifest["files"].items():
        if Path(name).name != name:
            raise ModelError(f"{folder / MANIFEST} names a file outside its folder: {name}", hint)
        path = folder / name
        try:
            data[name] = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path} is missing: {error.strerror}", hint) from error
        got = hashlib.sha256(data[name]).hexdigest()
        if got != wanted:
            raise ModelError(
                f"{path} is altered: got sha256 {got[:12]}, wanted {wanted[:12]}", hint
            )
    try:
        with np.load(io.BytesIO(data["meshes.npz"]), allow_pickle=False) as npz:
            arrays = {name: npz[name] for name in npz.files}
        return _avatar(manifest, data, arrays, digest)
    except (LookupError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ModelError(f"{folder} is no avatar this version reads: {error}", hint) from error


def read_manifest(folder: Path) -> tuple[dict[str, Any], str]:
    """The avatar's ``avatar.json`` and its sha256, without reading the pictures."""
    path = folder / MANIFEST
    hint = f"make it again: puppetcam enroll PHOTO --name {folder.name}"
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{folder} holds no avatar: {MANIFEST} cannot be read ({error.strerror})", hint
        ) from error
    try:
        manifest = json.loads(text)
        version, files = manifest["format"], manifest["files"]
        if not (
            isinstance(files, dict)
            and isinstance(manifest["name"], str)
            and isinstance(manifest["provenance"], dict)
        ):
            raise ValueError("files, name or provenance")
        notes = manifest["provenance"].get("warnings", [])
        if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
            raise ValueError("warnings")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path} is altered: {error}", hint) from error
    if version != FORMAT:
        raise ModelError(f"{path}: got format {version}, this version reads {FORMAT}", hint)
    return manifest, hashlib.sha256(text).hexdigest()


def read_seen(folder: Path) -> NDArray[np.bool_]:
    """Which landmarks the avatar's photo shows, bool (33,), without reading anything else.

    ModelError if its file is missing or holds no such thing.
    """
    path = folder / "meshes.npz"
    try:
        with np.load(path, allow_pickle=False) as npz:
            seen = npz["seen"]
        check("seen", seen, np.bool_, (33,))
    except (OSError, LookupError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path} is missing or altered: {error}",
            f"make it again: puppetcam enroll PHOTO --name {folder.name}",
        ) from error
    return np.asarray(seen, np.bool_)


def _write(avatar: Avatar, folder: Path) -> None:
    pictures = {
        "photo.png": avatar.image,
        "alpha.png": avatar.alpha,
        "background.png": avatar.background,
        THUMBNAIL: thumbnail(avatar),
    }
    arrays: dict[str, NDArray[Any]] = {}
    layers = []
    for i, layer in enumerate(avatar.layers):
        file = f"layer-{i}.png"
        pictures[file] = layer.texture
        layers.append({"name": layer.name, "texture": file, "origin": list(layer.origin)})
        for key in _MESH:
            arrays[f"layer-{i}.{key}"] = getattr(layer, key)
    for group, value in (("body", avatar.body), ("keypoints", avatar.keypoints)):
        for f in fields(value):
            if isinstance(getattr(value, f.name), np.ndarray):
                arrays[f"{group}.{f.name}"] = getattr(value, f.name)
    for key in ("rotations", "stretch", "root", "conf", "expression"):
        arrays[f"reference.{key}"] = getattr(avatar.reference, key)
    arrays["body_colours"] = avatar.body_colours
    arrays["seen"] = avatar.seen
    camera = avatar.reference.camera
    for name, picture in pictures.items():
        (folder / name).write_bytes(_png(picture))
    with (folder / "meshes.npz").open("wb") as file_:
        np.savez_compressed(file_, **arrays)  # type: ignore[arg-type]
    files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}
    manifest = {
        "format": FORMAT,
        "name": avatar.name,
        "provenance": dict(avatar.provenance),
        "camera": [camera.scale, camera.tx, camera.ty],
        "layers": layers,
        "bone_names": avatar.body.bone_names,
        "part_names": avatar.body.part_names,
        "layout": avatar.keypoints.layout,
        "files": files,
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(text, encoding="utf-8", newline="\n")


def _avatar(
    manifest: Mapping[str, Any],
    data: Mapping[str, bytes],
    arrays: Mapping[str, NDArray[Any]],
    digest: str,
) -> Avatar:
    def group(prefix: str) -> dict[str, Any]:
        start = prefix + "."
        return {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}

    return Avatar(
        name=manifest["name"],
        image=_pixels(data["photo.png"]),
        alpha=_pixels(data["alpha.png"]),
        background=_pixels(data["background.png"]),
        layers=tuple(
            Layer(
                name=meta["name"],
                texture=_pixels(data[meta["texture"]]),
                origin=(int(meta["origin"][0]), int(meta["origin"][1])),
                **group(f"layer-{i}"),
            )
            for i, meta in enumerate(manifest["layers"])
        ),
        body=BodyMesh(
            bone_names=tuple(manifest["bone_names"]),
            part_names=tuple(manifest["part_names"]),
            **group("body"),
        ),
        body_colours=arrays["body_colours"],
        reference=Pose(camera=Camera(*map(float, manifest["camera"])), **group("reference")),
        keypoints=Keypoints(layout=manifest["layout"], **group("keypoints")),
        seen=arrays["seen"],
        provenance=manifest["provenance"],
        digest=digest,
    )


def thumbnail(avatar: Avatar) -> U8:
    """The person before their background, u8 (256, 256, 3), cut square about head and trunk."""
    rows, columns = (np.flatnonzero((avatar.alpha > 127).any(axis)) for axis in (1, 0))
    height, width = avatar.alpha.shape
    if not len(rows):
        rows, columns = np.arange(height), np.arange(width)
    side = int(min(height, width, max(64, 1.08 * max(np.ptp(columns), 0.6 * np.ptp(rows)))))
    top = int(np.clip(rows[0] - 0.05 * side, 0, height - side))
    left = int(np.clip((columns[0] + columns[-1] - side) / 2, 0, width - side))
    square = avatar.image[top : top + side, left : left + side]
    size = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    how = cv2.INTER_AREA if side > THUMBNAIL_SIDE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, size, interpolation=how), np.uint8)


def _png(picture: U8) -> bytes:
    swap = {2: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    code = swap[picture.shape[-1]] if picture.ndim == 3 else None
    ordered = picture if code is None else cv2.cvtColor(picture, code)
    done, data = cv2.imencode(".png", ordered, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not done:
        raise ModelError("a picture could not be written as PNG", "check the disk's free space")
    return bytes(data.tobytes())


def _pixels(data: bytes) -> U8:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ValueError("a picture cannot be decoded")
    if picture.ndim == 3:
        code = cv2.COLOR_BGR2RGB if picture.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
        picture = cv2.cvtColor(picture, code)
    return np.asarray(picture, np.uint8)
