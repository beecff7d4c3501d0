from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.avatar import store
from engines.avatar.store import check_name, load_avatar, read_manifest, save_avatar
from engines.errors import InputError, ModelError
from engines.types import Avatar
from tests.engines.figures import avatar

NAME = "anna"


def named(name: str = NAME) -> Avatar:
    return replace(avatar(), name=name, provenance={"source": "x.jpg", "warnings": ["Ünsure."]})


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all())
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if hasattr(a, "__dataclass_fields__"):
        return all(
            same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a) if f.name != "digest"
        )
    return bool(a == b)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    before = named()
    folder = save_avatar(before, tmp_path)
    after = load_avatar(folder)
    assert same(before, after)
    assert len(after.digest) == 64
    assert read_manifest(folder)[1] == after.digest
    assert [p.name for p in tmp_path.iterdir()] == [NAME]
    assert (folder / store.THUMBNAIL).stat().st_size > 100


def test_saving_again_replaces(tmp_path: Path) -> None:
    save_avatar(named(), tmp_path)
    changed = replace(named(), provenance={"source": "y.jpg"})
    save_avatar(changed, tmp_path)
    assert load_avatar(tmp_path / NAME).provenance == {"source": "y.jpg"}
    assert [p.name for p in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize("there", [False, True])
def test_a_failure_midway_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    if there:
        save_avatar(named(), tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="disk full"):
        save_avatar(replace(named(), provenance={"source": "new"}), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ([NAME] if there else [])
    if there:
        assert load_avatar(tmp_path / NAME).provenance["source"] == "x.jpg"


@pytest.mark.parametrize("file", ["photo.png", "layer-0.png", "meshes.npz"])
def test_a_missing_or_altered_file_is_named(tmp_path: Path, file: str) -> None:
    folder = save_avatar(named(), tmp_path)
    data = bytearray((folder / file).read_bytes())
    data[-1] ^= 1
    (folder / file).write_bytes(bytes(data))
    with pytest.raises(ModelError, match=f"{file} is altered") as altered:
        load_avatar(folder)
    assert f"puppetcam enroll PHOTO --name {NAME}" in altered.value.hint
    (folder / file).unlink()
    with pytest.raises(ModelError, match=f"{file} is missing"):
        load_avatar(folder)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"format": 99}, ModelError, "got format 99"),
        ({"files": []}, ModelError, "is altered"),
        ({"files": {"../photo.png": "0"}}, ModelError, "outside its folder"),
        ({"layers": [{"name": "core"}]}, ModelError, "no avatar this version reads"),
        ({"camera": [1]}, ModelError, "no avatar this version reads"),
        (
            {"layers": [{"name": "core", "texture": "photo.png", "origin": []}]},
            ModelError,
            "no avatar this version reads",
        ),
        ({"provenance": [1]}, ModelError, "is altered"),
        ({"provenance": {"warnings": 3}}, ModelError, "is altered"),
    ],
    ids=["format", "files", "path", "layers", "camera", "origin", "provenance", "warnings"],
)
def test_a_manifest_that_does_not_fit_is_refused(
    tmp_path: Path, change: dict[str, Any], error: type[Exception], says: str
) -> None:
    folder = save_avatar(named(), tmp_path)
    path = folder / "avatar.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), "utf-8")
    with pytest.raises(error, match=says):
        load_avatar(folder)


def test_no_avatar_and_no_json(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no avatar"):
        load_avatar(tmp_path / "nobody")
    for text in ("{", "[]", "[" * 100_000):
        (tmp_path / "avatar.json").write_text(text, "utf-8")
        with pytest.raises(ModelError, match="altered"):
            load_avatar(tmp_path)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="no avatar can be written"):
        save_avatar(named(), tmp_path / "file")


@pytest.mark.parametrize("name", ["anna", "Anna 2", "a", "x" * 64, "my.avatar-1_b"])
def test_good_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "x" * 65, " a", "a ", "a.", "CON", "nul.txt",
             "com1", "a\n", "a:b", ".hidden", "é" * 3, "a\x00"]
)  # fmt: skip
def test_names_that_could_lead_astray(name: str) -> None:
    with pytest.raises(InputError, match="avatar name"):
        check_name(name)


@pytest.mark.parametrize("step", [1, 2])
def test_an_interrupt_while_it_is_replaced_leaves_one_of_the_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    save_avatar(named(), tmp_path)
    rename, done = Path.rename, []

    def interrupted(self: Path, target: Path) -> Path:
        moved = rename(self, target)
        done.append(target)
        if len(done) == step:
            raise KeyboardInterrupt
        return moved

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_avatar(replace(named(), provenance={"source": "new"}), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [NAME]
    assert load_avatar(tmp_path / NAME).provenance["source"] == ("x.jpg" if step == 1 else "new")
