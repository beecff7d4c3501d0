"""``puppetcam replay``: a clip in, a video out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import engines.device
from engines.driver import Driver
from engines.errors import DeviceError, InputError
from engines.types import U8
from realtime import warmup
from realtime.__main__ import main
from realtime.clip import ClipReader
from realtime.puppeteer import Puppeteer
from realtime.replay import parse_size
from tests.realtime.sample import NOBODY, bundled, performance, write_clip

HERE = Path(__file__).parents[2]
DATA = Path(os.environ.get("PUPPETCAM_DATA", HERE.parent / "shared" / "data"))
HAND = DATA / "driving" / "hand_asl_closeup.mp4"


def replay(clip: Path, output: Path, *more: str) -> int:
    """Run the command with a bundled avatar."""
    return main(
        ["replay", "--avatar", "tom", "--input", str(clip), "--output", str(output),
         "--size", "96x128", "--json", *more]
    )  # fmt: skip


def result(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """The last line that was printed."""
    found: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def frames(path: Path) -> list[U8]:
    """The video's pictures."""
    with ClipReader(path) as clip:
        return [frame.image for frame in clip]


def test_a_first_start_says_that_it_compiles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warmup, "SILENT_S", -1.0)
    clip = write_clip(tmp_path / "in.mp4", performance()[:1])
    assert replay(clip, tmp_path / "out.mp4") == 0
    assert "first start: compiling kernels" in capsys.readouterr().err


@pytest.mark.parametrize("rate", [5, 30])
def test_one_frame_out_for_each_frame_in_at_its_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rate: int
) -> None:
    clip = write_clip(tmp_path / "in.mp4", performance()[:14], rate)
    assert replay(clip, tmp_path / "out.mp4") == 0
    found = result(capsys)
    assert found["frames"] == found["tracked"] == 14
    assert found["size"] == [96, 128]
    with ClipReader(tmp_path / "out.mp4") as out:
        assert out.rate == rate
    pictures = frames(tmp_path / "out.mp4")
    assert [picture.shape for picture in pictures] == [(128, 96, 3)] * 14
    still = Puppeteer(bundled("tom"), (96, 128)).still()[:, :, :3].astype(int)
    first, last = (int((np.abs(p - still) > 60).sum()) for p in (pictures[0], pictures[-1]))
    assert last > 2 * first + 20  # the neutral is the photo, but for the codec


def test_a_clip_that_shows_nobody_for_a_while_and_at_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = [NOBODY] * 3 + list(performance()[:4]) + [NOBODY] * 3
    assert replay(write_clip(tmp_path / "in.mp4", pictures), tmp_path / "out.mp4") == 0
    found = result(capsys)
    assert found["frames"] == 10
    assert 3 <= int(str(found["tracked"])) <= 4  # the first may pass between two looks
    assert len(frames(tmp_path / "out.mp4")) == 10


def test_a_clip_that_hardly_shows_anybody_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for pictures, found in (
        ([NOBODY] * 3, "in 0 of 3 frames"),
        ([performance()[0]] + [NOBODY] * 29, "in 1 of 30 frames"),
    ):
        clip = write_clip(tmp_path / "in.mp4", pictures)
        assert replay(clip, tmp_path / "out.mp4") == 3
        printed = capsys.readouterr()
        assert f"in.mp4 shows a person {found}" in printed.err
        assert "head and shoulders" in json.loads(printed.out.splitlines()[-1])["hint"]
        assert list(tmp_path.iterdir()) == [clip]


@pytest.mark.skipif(not HAND.is_file(), reason="no test clips: set PUPPETCAM_DATA to their folder")
def test_a_hand_alone_is_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ClipReader(HAND) as clip:
        pictures = [frame.image for frame in clip if 130 <= frame.index < 160]
    clip_of_hand = write_clip(tmp_path / "in.mp4", pictures, 30)
    assert replay(clip_of_hand, tmp_path / "out.mp4") == 3
    assert "shows a person in" in capsys.readouterr().err


@pytest.mark.parametrize("size", [(120, 160), (80, 60), (240, 180)])
def test_a_clip_that_changes_its_size_midway(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], size: tuple[int, int]
) -> None:
    """Two streams one after the other, as a phone that is turned or a short connection make."""
    before = list(performance()[:6])
    after = [np.asarray(cv2.resize(p, size), np.uint8) for p in performance()[6:12]]
    if size[0] < size[1]:  # turned, not squeezed: the person keeps their shape
        after = [np.asarray(cv2.resize(p[:, 35:125], size), np.uint8) for p in performance()[6:12]]
    clip = tmp_path / "in.ts"
    clip.write_bytes(b"".join(stream(tmp_path / "part.ts", part) for part in (before, after)))
    with ClipReader(clip) as reader:
        sizes = [frame.image.shape[:2] for frame in reader]
    assert sizes == [(120, 160)] * 6 + [(size[1], size[0])] * 6
    for placement in ("photo", "performer"):
        assert replay(clip, tmp_path / "out.mp4", "--placement", placement) == 0
        assert result(capsys)["tracked"] == 12
        assert [p.shape for p in frames(tmp_path / "out.mp4")] == [(128, 96, 3)] * 12


def stream(path: Path, pictures: list[U8]) -> bytes:
    """An MPEG transport stream: such files may simply follow one another."""
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w", format="mpegts") as container:
        video = container.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
    return path.read_bytes()


def test_webm_without_background_keeps_the_transparency(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_clip(tmp_path / "in.mp4", performance()[:3])
    assert replay(clip, tmp_path / "out.webm", "--background", "none") == 0
    assert "transparency" not in capsys.readouterr().err
    with av.open(str(tmp_path / "out.webm")) as container:
        stream = container.streams.video[0]
        assert stream.metadata["alpha_mode"] == "1"
        decoder = av.CodecContext.create("libvpx-vp9", "r")  # the built-in one drops alpha
        pictures = []
        for packet in container.demux(stream):
            pictures += [f.to_ndarray(format="rgba") for f in decoder.decode(packet)]
    assert len(pictures) == 3
    alpha = pictures[0][:, :, 3]
    assert alpha[2, 2] < 10
    assert alpha[64, 48] > 245


def test_mp4_without_background_is_black_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_clip(tmp_path / "in.mp4", performance()[:2])
    assert replay(clip, tmp_path / "out.mp4", "--background", "none") == 0
    assert "write to .webm" in capsys.readouterr().err
    assert frames(tmp_path / "out.mp4")[0][2, 2].max() < 12


def test_where_the_performer_stands_in_a_picture_of_the_clips_size(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mp4", performance()[:2])
    command = ["replay", "--avatar", "kit", "--input", str(clip), "--placement", "performer"]
    assert main([*command, "--output", str(tmp_path / "out.mp4"), "--mirror"]) == 0
    assert frames(tmp_path / "out.mp4")[0].shape == (120, 160, 3)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
def test_who_is_told_to_end_leaves_nothing_half_written(tmp_path: Path) -> None:
    command = ["replay", "--avatar", "kit", "--input", str(HERE / "web" / "sample.mp4")]
    with subprocess.Popen(
        [sys.executable, "-m", "realtime", *command, "--output", str(tmp_path / "out.mp4")],
        cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as replay:  # fmt: skip
        while not list(tmp_path.iterdir()) and replay.poll() is None:
            time.sleep(0.05)
        replay.terminate()
        replay.communicate()
    assert replay.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_sizes() -> None:
    assert parse_size("640x480") == (640, 480)
    assert parse_size("300") == (300, 300)
    for bad in ("63x64", "640x", "x", "-5x9", "64x9999", "1e3", ""):
        with pytest.raises(InputError, match="--size"):
            parse_size(bad)


def test_what_cannot_be_used_is_said_and_nothing_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_clip(tmp_path / "in.mp4", performance()[:1])
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[:600])
    (tmp_path / "folder.mp4").mkdir()
    long = "a" * 250 + ".mp4"  # a file may have that name, not the one written before it
    before = sorted(tmp_path.iterdir())
    out = tmp_path / "out.mp4"
    for words, code in (
        ((tmp_path / "none.mp4", out), "no clip at"),
        ((text, out), "text.mp4 is not a readable video"),
        ((cut, out), "cut.mp4"),
        ((tmp_path, out), "no clip at"),
        ((clip, tmp_path / "out.gif"), "wanted .mp4, .mkv or .webm"),
        ((clip, tmp_path / "deep" / "out.mp4"), "no folder"),
        ((clip, tmp_path / "folder.mp4"), "folder.mp4 is a folder"),
        ((clip, tmp_path / long), "cannot write"),
        ((clip, out, "--background", "beach"), "wanted photo, blur"),
        ((clip, out, "--size", "huge"), "--size: got 'huge'"),
        ((clip, out, "--avatar", "bob"), "no avatar named 'bob'"),
    ):
        assert replay(*words) == 2, code
        printed = capsys.readouterr()
        assert code in printed.err
        assert printed.err.startswith("error: ")
        assert printed.err.count("\n  ") >= 1, "no hint"
        assert set(json.loads(printed.out.splitlines()[-1])) == {"error", "hint"}
    assert sorted(tmp_path.iterdir()) == before


def test_a_device_that_is_not_there_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "in.mp4", performance()[:3], 5)

    def missing() -> Driver:
        raise DeviceError("no NVIDIA driver", "install it, or give --device cpu")

    monkeypatch.setattr(engines.device, "driver", missing)
    for device in ("cuda", "tensorrt", "tensorrt-rtx", "tpu"):
        assert replay(clip, tmp_path / "out.mp4", "--device", device) == DeviceError.exit_code
        assert "cpu" in capsys.readouterr().err
    assert replay(clip, tmp_path / "out.mp4", "--device", "auto") == 0
    printed = capsys.readouterr()
    assert printed.err.startswith("device cpu (no NVIDIA driver)\n")
    assert json.loads(printed.out.splitlines()[-1])["backend"] == "CPU: ONNX Runtime, numba"
