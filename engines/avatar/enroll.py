"""Enrol: one photo becomes an avatar."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from engines.avatar.background import background
from engines.avatar.colours import body_colours
from engines.avatar.figure import Figure, figure
from engines.avatar.gaps import without_gaps
from engines.avatar.layers import layers
from engines.avatar.matte import foreground, matte
from engines.avatar.parts import parts
from engines.avatar.photo import Photo
from engines.avatar.store import check_name
from engines.blazepose import ARMS, ELBOWS, LEGS, SHOULDERS, WORDS, WRISTS, middle
from engines.body.fit import fit
from engines.body.mesh import load_body
from engines.errors import NoPersonError
from engines.keypoints.people import find_people
from engines.types import F32, Avatar, Progress
from engines.version import version

HINT = "wanted a photo of one person, facing the camera, head and shoulders at least"


def enroll(photo: Photo, name: str, progress: Progress | None = None) -> Avatar:
    """Make an avatar called ``name`` of the largest person in ``photo``.

    progress: called with a step's name and the share done, 0..1. What a user should know about the
    result is in ``provenance["warnings"]``, plain sentences. Raises NoPersonError if nobody is
    found, InputError for a name that cannot be a folder.
    """
    say = progress or (lambda step, done: None)
    check_name(name)
    image = photo.image
    say("looking for a person", 0.0)
    people = find_people(image)
    if not people:
        raise NoPersonError(f"nobody was found in {photo.name}", HINT)
    person = max(people, key=lambda p: float(p.mask.sum()))
    say("fitting the body", 0.15)
    fitted = fit(load_body(), person.keypoints, person.mask, image.shape)
    body, pose, seen = fitted.body, fitted.pose, fitted.seen
    say("cutting out the person", 0.5)
    alpha = matte(image, person.mask) if photo.alpha is None else photo.alpha
    if not (alpha > 127).any():
        raise NoPersonError(
            f"nobody can be cut out of {photo.name}: the outline found is empty", HINT
        )
    shape = figure(body, pose)
    labels = without_gaps(image, alpha, parts(image, alpha, shape, seen), shape)
    colours, _ = foreground(image, alpha)
    say("completing what is hidden", 0.65)
    cutouts = layers(colours, alpha, labels, shape)
    say("colouring the body", 0.85)
    painted = body_colours(colours, alpha, labels, shape, body, cutouts)
    say("filling the background", 0.9)
    scene = background(image, alpha)
    notes = [*photo.warnings, *warnings(len(people), shape, seen)]
    say("done", 1.0)
    return Avatar(
        name=name,
        image=image,
        alpha=alpha,
        background=scene,
        layers=cutouts,
        body=body,
        body_colours=painted,
        reference=pose,
        keypoints=person.keypoints,
        seen=seen,
        provenance={
            "source": photo.name,
            "source_sha256": photo.digest,
            "tool": f"puppetcam {version()}",
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "fit_error_px": round(float(fitted.error_px), 2),
            "size": [image.shape[1], image.shape[0]],
            "warnings": notes,
        },
    )


def warnings(people: int, shape: Figure, seen: NDArray[np.bool_]) -> list[str]:
    """Plain sentences on what the photo makes hard or leaves open."""
    notes = []
    if people > 1:
        notes.append(f"{people} people were found: the largest was taken.")
    xy = shape.marks[:, :2]
    if not seen[list(SHOULDERS)].any():
        notes.append("The face fills the frame: body and arms are guessed entirely.")
    elif _crossed(xy) and seen[[*ELBOWS, *WRISTS]].sum() >= 3:
        notes.append("The arms are crossed: what they hide of each other is guessed.")
    left, right = xy[list(SHOULDERS)]
    both = seen[list(SHOULDERS)].all()
    width = float(np.linalg.norm(left - right)) if both else shape.metre * 0.33
    if width < 48:
        notes.append(
            f"The person is small (shoulders {width:.0f} px wide): "
            "a photo in which they are taller looks sharper."
        )
    for side, word in WORDS.items():
        arm, leg = ARMS[side], LEGS[side]
        if not seen[arm.shoulder]:
            continue
        if not seen[arm.elbow]:
            notes.append(f"The {word} arm is not seen below the shoulder: its look is guessed.")
        elif not seen[arm.wrist]:
            notes.append(f"The {word} hand is not seen: its look is guessed.")
        if seen[leg.hip] and not seen[leg.knee]:
            notes.append(f"The {word} leg is not seen: its look is guessed.")
        elif seen[leg.knee] and not seen[leg.ankle]:
            notes.append(f"The {word} foot is not seen: its look is guessed.")
    return notes


def _crossed(xy: F32) -> bool:
    """Whether each hand has gone over to the other elbow's side."""
    across = xy[SHOULDERS[0]] - xy[SHOULDERS[1]]
    left, right = ((xy[i] - middle(xy, SHOULDERS)) @ across for i in WRISTS)
    reach = 0.1 * float(across @ across)
    return bool(left < -reach and right > reach) or bool(left < -3 * reach or right > 3 * reach)
