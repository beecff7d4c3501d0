"""``puppetcam score``: a clip performed by its own first frame."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext

import realtime.score
from engines.errors import InputError, NoPersonError
from engines.keypoints.people import PeopleFinder
from realtime.__main__ import main
from realtime.clip import ClipReader
from realtime.score import Comparison, Likeness, Score, score_clip
from tests.realtime.sample import NOBODY, performance, write_clip


def test_the_truth_is_like_itself_and_a_missed_person_costs_a_torso() -> None:
    picture = performance()[0]
    with PeopleFinder() as finder:
        person = finder.find(picture)[0]
    same, missed = Comparison(), Comparison()
    for _ in range(3):
        same.add(picture, person, picture, person)
        missed.add(picture, None, picture, person)
    found = same.likeness()
    assert (found.psnr, found.keypoints, found.flicker, found.missed) == (60.0, 0.0, 0.0, 0)
    assert found.ssim == pytest.approx(1)
    assert missed.likeness().keypoints == pytest.approx(1)
    assert missed.likeness().missed == 3


def test_a_performed_clip_is_measured_against_the_standing_photo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Nobody at first: the first frame with a person is the photo.
    clip = write_clip(tmp_path / "wäve (1).mp4", [NOBODY, *performance()[::3][:5]])
    assert main(["score", str(clip), "--video", str(tmp_path / "beside")]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    (score,) = found["clips"]
    assert score["clip"] == "wäve (1)"
    assert score["frames"] == 4
    assert score["avatar"]["missed"] == 0
    assert 15 < score["avatar"]["psnr"] < 60
    assert 0.3 < score["avatar"]["ssim"] <= 1
    assert score["avatar"]["keypoints"] < 0.5
    assert score["still"]["flicker"] == 0 < score["truth_flicker"]
    assert found["mean"]["psnr"] == pytest.approx(score["avatar"]["psnr"], abs=1e-3)
    (video,) = (tmp_path / "beside").iterdir()
    with ClipReader(video) as beside:
        pictures = [frame.image for frame in beside]
    assert [picture.shape for picture in pictures] == [(120, 320, 3)] * 4
    truth = performance()[3].astype(int)
    assert np.abs(pictures[0][:, :160] - truth).mean() < 6


def test_a_clip_without_enough_of_a_person_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wall = write_clip(tmp_path / "wall.mp4", [NOBODY] * 3)
    with pytest.raises(NoPersonError, match=r"nobody was found in wall.mp4"):
        score_clip(wall)
    short = write_clip(tmp_path / "short.mp4", performance()[:2])
    with pytest.raises(InputError, match=r"short.mp4 shows a person in 2 frames"):
        score_clip(short)
    assert main(["score", str(tmp_path / "none.mp4")]) == 2
    assert "no clip at" in capsys.readouterr().err


def test_a_clip_whose_size_changes_is_refused(tmp_path: Path) -> None:
    clip = tmp_path / "turned.h264"
    with clip.open("wb") as file:
        for size in ((160, 120), (128, 96)):
            codec = av.CodecContext.create("libx264", "w")
            assert isinstance(codec, VideoCodecContext)
            codec.width, codec.height, codec.pix_fmt = *size, "yuv420p"
            codec.time_base = Fraction(1, 10)
            codec.options = {"preset": "ultrafast", "tune": "zerolatency"}
            for picture in performance()[:2]:
                small = np.asarray(cv2.resize(picture, size), np.uint8)
                frame = av.VideoFrame.from_ndarray(small, format="rgb24")
                file.writelines(bytes(p) for p in codec.encode(frame.reformat(format="yuv420p")))
            file.writelines(bytes(p) for p in codec.encode(None))
    with pytest.raises(InputError, match=r"changes its size: frame 2 has 128x96 px.* 160x120"):
        score_clip(clip)


def test_what_a_clip_does_not_show_is_null_and_takes_no_part_in_the_mean(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    armless = Likeness(20.0, 0.5, float("nan"), 0.1, 1.0, 0)
    whole = replace(armless, arms=0.2)
    scores = iter([armless, armless, whole])

    def scored(clip: Path, *_: object) -> Score:
        found = next(scores)
        return Score(clip.stem, 4, found, found, 1.0)

    monkeypatch.setattr(realtime.score, "score_clip", scored)

    def mean_of(*clips: str) -> object:
        assert main(["score", *clips]) == 0
        last = capsys.readouterr().out.splitlines()[-1]
        return json.loads(last, parse_constant=pytest.fail)["mean"]["arms"]

    assert mean_of("portrait.mp4") is None
    assert mean_of("portrait.mp4", "whole.mp4") == pytest.approx(0.2)
