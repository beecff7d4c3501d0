"""``puppetcam score``: a clip performed by its own first frame."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engines.errors import InputError, NoPersonError
from engines.keypoints.people import PeopleFinder
from realtime.__main__ import main
from realtime.clip import ClipReader
from realtime.score import Comparison, score_clip
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
    clip = write_clip(tmp_path / "wave.mp4", [NOBODY, *performance()[::3][:5]])
    assert main(["score", str(clip), "--video", str(tmp_path / "beside")]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    (score,) = found["clips"]
    assert score["clip"] == "wave"
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
