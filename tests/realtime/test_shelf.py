from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engines.avatar.store import MANIFEST, save_avatar
from engines.errors import InputError
from realtime.shelf import Shelf
from tests.engines.figures import avatar


def shelf(tmp_path: Path) -> Shelf:
    save_avatar(replace(avatar(), name="anna", provenance={}), tmp_path / "own")
    return Shelf(tmp_path / "own", tmp_path / "bundled")


def test_a_damaged_avatar_is_shown_with_what_ails_it(tmp_path: Path) -> None:
    there = shelf(tmp_path)
    (there.folder("anna") / MANIFEST).write_text("{", "utf-8")
    (card,) = there.cards()
    assert "is altered" in card.warnings[0]


def test_what_is_being_written_is_not_shown(tmp_path: Path) -> None:
    there = shelf(tmp_path)
    folder = there.folder("anna")
    folder.rename(folder.with_name(".writing-x"))
    assert there.cards() == []


def test_deleting_a_link_leaves_what_it_leads_to(tmp_path: Path) -> None:
    there = shelf(tmp_path)
    real = there.folder("anna").rename(tmp_path / "elsewhere")
    try:
        (tmp_path / "own" / "anna").symlink_to(real, target_is_directory=True)
    except OSError:
        pytest.skip("links need a right here")
    there.delete("anna")
    assert there.cards() == []
    assert (real / MANIFEST).is_file()
    with pytest.raises(InputError, match="no avatar named"):
        there.delete("anna")
