from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.container import OutputContainer

from engines.errors import InputError
from realtime.clip import ClipReader, ClipWriter


def pictures(count: int, channels: int = 3) -> list[np.ndarray]:
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    return [
        np.full((48, 64, channels), i * 40, np.uint8) + ramp[None, :, None] // 8
        for i in range(count)
    ]


def test_same_number_of_frames_and_rate_come_back(tmp_path: Path) -> None:
    with ClipWriter(tmp_path / "a.mp4", Fraction(5), (64, 48), alpha=False) as out:
        for picture in pictures(4):
            out.write(picture)
    with ClipReader(tmp_path / "a.mp4") as clip:
        frames = list(clip)
        assert clip.rate == 5
    assert [f.index for f in frames] == [0, 1, 2, 3]
    assert abs(int(frames[2].image[0, 0, 0]) - 80) < 4


def test_transparency_on_mp4_is_laid_on_black(tmp_path: Path) -> None:
    picture = np.full((48, 64, 4), 200, np.uint8)
    picture[:, :32, 3] = 0
    with ClipWriter(tmp_path / "a.mp4", Fraction(30), (64, 48), alpha=True) as out:
        assert not out.alpha
        out.write(picture)
    with ClipReader(tmp_path / "a.mp4") as clip:
        image = next(iter(clip)).image
    assert image[20, 5].max() < 10
    assert abs(int(image[20, 60, 0]) - 157) < 6


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def write_and_fail() -> None:
        with ClipWriter(tmp_path / "a.mp4", Fraction(30), (64, 48), False) as out:
            out.write(pictures(1)[0])
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_and_fail()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_at_the_end_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def __init__(self, real: OutputContainer) -> None:
            self.close = real.close

        def mux(self, packets: object) -> None:
            raise OSError("no space left")

    def write() -> None:
        with ClipWriter(tmp_path / "a.mp4", Fraction(30), (64, 48), False) as out:
            out.write(pictures(1)[0])
            monkeypatch.setattr(out, "_container", Full(out._container))

    with pytest.raises(OSError, match="no space left"):
        write()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.txt", "missing.mp4"])
def test_unreadable_input_is_explained(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.txt").write_text("not a video")
    with pytest.raises(InputError, match=r"a.txt|missing.mp4"):
        ClipReader(tmp_path / name)


def test_unknown_suffix_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="suffix"):
        ClipWriter(tmp_path / "a.gif", Fraction(30), (64, 48), False)


def test_a_folder_as_output_is_explained(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        ClipWriter(tmp_path / "a.mp4", Fraction(30), (64, 48), False)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_clip_of_sound_only_is_explained(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44_100)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.rate = 44_100
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="no picture"):
        ClipReader(tmp_path / "a.mp4")


def test_two_that_write_to_one_place_and_a_file_beside_it_stay_apart(tmp_path: Path) -> None:
    beside = tmp_path / ".a.partial.mp4"
    beside.write_bytes(b"a user's own")
    with (
        ClipWriter(tmp_path / "a.mp4", Fraction(5), (64, 48), alpha=False) as first,
        ClipWriter(tmp_path / "a.mp4", Fraction(5), (64, 48), alpha=False) as second,
    ):
        for picture in pictures(3):
            first.write(picture)
            second.write(picture)
    assert beside.read_bytes() == b"a user's own"
    with ClipReader(tmp_path / "a.mp4") as clip:
        assert len(list(clip)) == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == [".a.partial.mp4", "a.mp4"]
