"""Avatars by name, on disk."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.errors import InputError, ModelError
from realtime.gallery import MissingError
from realtime.shelf import BUNDLED, Shelf, held, own_avatars

NAMES = {"astronaut", "edith", "kit", "mira", "tom"}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """The bundled ones, and an own "anna" that hides nobody, and an own "tom" that does."""
    for name in ("anna", "tom"):
        shutil.copytree(BUNDLED / "edith", tmp_path / name)
    return Shelf(tmp_path)


def test_own_avatars_come_first_and_hide_bundled_ones(shelf: Shelf) -> None:
    cards = shelf.cards()
    assert [card.name for card in cards[:2]] == ["anna", "tom"]
    assert [card.name for card in cards if card.bundled] == ["kit", "mira", "astronaut", "edith"]
    assert shelf.folder("tom").parent == shelf.own
    assert shelf.load("tom").name == "edith"  # as its manifest says
    assert any("guessed" in warning for card in cards for warning in card.warnings)


def test_without_a_folder_of_ones_own_there_are_the_bundled_ones(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "not" / "there")
    cards = shelf.cards()
    assert {card.name for card in cards} == NAMES
    assert [len(card.warnings) for card in cards] == sorted(len(card.warnings) for card in cards)
    assert shelf.load(None).name == "kit"
    assert not (tmp_path / "not").exists()


def test_a_card_says_which_arms_the_photo_does_not_show(tmp_path: Path) -> None:
    notes = {card.name: card.note for card in Shelf(tmp_path).cards()}
    arms = "arms held"
    assert notes == {"kit": "", "mira": "", "tom": "", "edith": arms, "astronaut": arms}
    seen = np.ones(33, np.bool_)
    seen[14] = False
    assert held(seen) == "right arm held"


def test_an_avatar_can_be_named_by_its_folder(shelf: Shelf) -> None:
    assert shelf.load(str(BUNDLED / "kit")).name == "kit"


def test_an_unknown_name_is_answered_with_the_known_ones(shelf: Shelf) -> None:
    for ask in (shelf.load, shelf.thumbnail, shelf.delete):
        with pytest.raises(MissingError, match="'bob'; there are: anna, tom, kit") as caught:
            ask("bob")
        assert caught.value.hint == "puppetcam enroll PHOTO --name bob"


def test_no_avatar_at_all(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="there is no avatar"):
        Shelf(tmp_path, bundled=tmp_path).load(None)


def test_own_avatars_can_be_deleted_and_nothing_else(shelf: Shelf) -> None:
    shelf.delete("tom")
    assert not (shelf.own / "tom").exists()
    assert shelf.folder("tom").parent == BUNDLED
    for name in ("tom", "../anna", "."):
        with pytest.raises(InputError, match=r"stays|avatar name"):
            shelf.delete(name)
    assert (BUNDLED / "tom").is_dir()
    assert (shelf.own / "anna").is_dir()


def test_a_thumbnail_is_a_png_and_its_absence_is_said(shelf: Shelf) -> None:
    assert shelf.thumbnail("anna").startswith(b"\x89PNG")
    (shelf.own / "anna" / "thumbnail.png").unlink()
    with pytest.raises(MissingError, match="anna has no thumbnail"):
        shelf.thumbnail("anna")


def test_a_damaged_avatar_is_shown_with_what_is_wrong_and_not_loaded(shelf: Shelf) -> None:
    (shelf.own / "anna" / "avatar.json").write_text("{")
    card = next(card for card in shelf.cards() if card.name == "anna")
    assert len(card.warnings) == 1
    assert "anna" in card.warnings[0]
    with pytest.raises(ModelError):
        shelf.load("anna")


@pytest.mark.parametrize("manifest", ["{", '{"format": 1, "files": {}, "name": "anna"}'])
def test_a_damaged_avatar_is_not_the_first(shelf: Shelf, manifest: str) -> None:
    (shelf.own / "anna" / "avatar.json").write_text(manifest)
    names = [card.name for card in shelf.cards()]
    assert names[0] == "tom"
    assert names[-1] == "anna"
    assert shelf.load(None).name == "edith"


def test_folders_that_may_not_be_read_are_told(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = {shelf.own / "anna" / "avatar.json"}

    def refuse(call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(path: Path, *arguments: Any) -> Any:
            if path in refused:
                raise PermissionError(13, "Permission denied")
            return call(path, *arguments)

        return guarded

    for name in ("is_file", "read_bytes", "iterdir"):
        monkeypatch.setattr(Path, name, refuse(getattr(Path, name)))
    last = shelf.cards()[-1]
    assert last.name == "anna"
    assert "Permission denied" in last.warnings[0]
    refused.add(shelf.own)
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied\)") as caught:
        shelf.cards()
    assert "--avatars" in caught.value.hint


def test_an_avatar_that_cannot_be_removed_is_told(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(InputError, match=r"anna cannot be removed \(Permission denied\)"):
        shelf.delete("anna")
    assert (shelf.own / "anna").is_dir()


def test_what_is_being_written_is_no_avatar_yet(shelf: Shelf) -> None:
    (shelf.own / "anna").rename(shelf.own / ".writing-1")
    assert {card.name for card in shelf.cards()} == NAMES


def test_a_name_on_the_shelf_goes_before_a_folder_here(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    shutil.copytree(BUNDLED / "mira", here / "kit")
    monkeypatch.chdir(here)
    assert shelf.load("kit").name == "kit"


def test_own_avatars_lie_where_the_system_keeps_user_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "data")
    monkeypatch.setattr(sys, "platform", "linux")
    assert own_avatars() == Path("data/puppetcam/avatars")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert own_avatars() == Path.home() / ".local/share/puppetcam/avatars"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert own_avatars() == Path.home() / "Library/Application Support/puppetcam/avatars"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "local")
    assert own_avatars() == Path("local/puppetcam/avatars")
