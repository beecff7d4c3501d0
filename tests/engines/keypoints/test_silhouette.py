from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import engines.avatar
from engines.avatar.photo import open_photo
from engines.keypoints.people import Person, find_people
from engines.keypoints.silhouette import silhouette
from engines.types import U8

PHOTO = Path(engines.avatar.__file__).parent / "bundled" / "astronaut" / "photo.png"


@pytest.fixture(scope="module")
def found() -> tuple[U8, Person]:
    image = open_photo(PHOTO).image
    return image, find_people(image)[0]


def test_both_networks_see_the_same_person(found: tuple[U8, Person]) -> None:
    image, person = found
    mask = silhouette(image, person)
    assert mask.shape == image.shape[:2]
    assert mask.dtype == np.float32
    assert 0 <= mask.min() <= mask.max() <= 1
    ours, theirs = mask > 0.5, person.mask > 0.5
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.85


def test_hands_and_what_is_held_are_the_pose_networks_business(found: tuple[U8, Person]) -> None:
    image, person = found
    np.testing.assert_array_equal(silhouette(image, person)[420:], person.mask[420:])


def test_a_mask_of_another_size_is_refused(found: tuple[U8, Person]) -> None:
    image, person = found
    with pytest.raises(ValueError, match=r"silhouette\.image"):
        silhouette(np.ascontiguousarray(image[:-2]), person)
