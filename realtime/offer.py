"""Offers, looked at before the WebRTC library sees them: it takes long over bad ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from engines.errors import InputError

MAX_BYTES = 64 * 1024
MAX_SECTIONS = 8
MAX_CANDIDATES = 64
MAX_LINE = 2048
HINT = "Reload the page. An offer is what RTCPeerConnection.createOffer() returns, whole."

Role = Literal["performer", "viewer"]
_SESSION = re.compile(r"[A-Za-z0-9_-]{8,64}")
_FINGERPRINT = re.compile(r"a=fingerprint:sha-(256|384|512) [0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})+")
_RTPMAP = re.compile(r"a=rtpmap:\d{1,3} (VP8|H264)/90000", re.IGNORECASE)


class OfferError(InputError):
    """An offer that cannot be answered."""

    def __init__(self, message: str, hint: str = HINT) -> None:
        super().__init__(message, hint)


@dataclass(frozen=True, slots=True)
class Offer:
    """A checked request for a connection.

    sdp: the session description, without candidates and with no more in it than we use.
    session: the performance's name; None: a new one (performer), the newest one (viewer).
    avatar: which avatar to begin with. alpha: send packed alpha.
    """

    sdp: str
    role: Role = "performer"
    session: str | None = None
    avatar: str | None = None
    alpha: bool = False

    @classmethod
    def parse(cls, body: Any) -> Offer:
        """Check the JSON of a request. Raises OfferError."""
        if not isinstance(body, dict):
            raise OfferError(f"The offer is {_kind(body)}, wanted an object.")
        sdp, kind = body.get("sdp"), body.get("type")
        if kind != "offer":
            raise OfferError(f"The offer's type is {str(kind)[:20]!r}, wanted 'offer'.")
        if not isinstance(sdp, str) or not sdp.strip():
            raise OfferError("The offer has no sdp.")
        role = body.get("role", "performer")
        if role not in ("performer", "viewer"):
            raise OfferError(f"The role is {str(role)[:20]!r}, wanted 'performer' or 'viewer'.")
        session, avatar, alpha = body.get("session"), body.get("avatar"), body.get("alpha", False)
        if session is not None and not (isinstance(session, str) and _SESSION.fullmatch(session)):
            raise OfferError("The session's name is not one: wanted 8 to 64 of A-Z a-z 0-9 _ -.")
        if avatar is not None and not isinstance(avatar, str):
            raise OfferError(f"The avatar is {_kind(avatar)}, wanted a name.")
        if not isinstance(alpha, bool):
            raise OfferError(f"alpha is {_kind(alpha)}, wanted true or false.")
        return cls(checked_sdp(sdp, role), role, session, avatar, alpha)


def checked_sdp(sdp: str, role: Role) -> str:
    """The part of an offer's SDP that matters. Raises OfferError, at once, for one that is none.

    Candidates with mDNS names go: looking them up takes a second and often fails, and the browser
    finds us anyway. So does end-of-candidates, as none but the browser knows its own address then.
    """
    if not sdp.startswith("v=0") or not sdp.endswith("\n"):
        raise OfferError("The offer is no SDP, or a part of one.")
    lines = sdp.splitlines()
    if any(len(line) > MAX_LINE or not line.isprintable() for line in lines):
        raise OfferError("The offer has a line that is too long or not text.")
    if any(line and not re.match(r"[a-z]=", line) for line in lines):
        raise OfferError("The offer has a line that is not SDP.")
    starts = [k for k, line in enumerate(lines) if line.startswith("m=")]
    if not starts:
        raise OfferError("The offer has no media.")
    if len(starts) > MAX_SECTIONS:
        raise OfferError(
            f"The offer has {len(starts)} media sections, wanted at most {MAX_SECTIONS}."
        )
    if sum(line.startswith("a=candidate:") for line in lines) > MAX_CANDIDATES:
        raise OfferError(f"The offer has more than {MAX_CANDIDATES} candidates.")
    head = lines[: starts[0]]
    ends = [*starts[1:], len(lines)]
    sections = [lines[a:b] for a, b in zip(starts, ends, strict=True)]
    _check_bundle(head, sections)
    for section in sections:
        _check_transport(head, section)
    _check_video(head, sections, role)
    kept = [
        line
        for line in lines
        if not (line.startswith("a=candidate:") and ".local " in line)
        and not line.startswith("a=end-of-candidates")
    ]
    return "\r\n".join(kept) + "\r\n"


def _check_bundle(head: list[str], sections: list[list[str]]) -> None:
    mids = [_value(section, "a=mid:") for section in sections]
    if len(set(mids)) != len(mids) or None in mids:
        raise OfferError("The offer's media sections need names (a=mid) that differ.")
    bundle = _value(head, "a=group:BUNDLE")
    if bundle is None or not set(bundle.split()) <= set(mids):
        raise OfferError("The offer is cut short, or does not bundle its media (a=group:BUNDLE).")


def _check_transport(head: list[str], section: list[str]) -> None:
    both = head + section
    for needed in ("a=ice-ufrag:", "a=ice-pwd:"):
        if not _value(both, needed):
            raise OfferError(f"The offer has no {needed[2:-1]}.")
    if not any(_FINGERPRINT.fullmatch(line) for line in both):
        raise OfferError("The offer has no fingerprint: it would not be encrypted.")


def _check_video(head: list[str], sections: list[list[str]], role: Role) -> None:
    videos = [section for section in sections if section[0].startswith("m=video ")]
    if not videos:
        raise OfferError("The offer has no video.")
    video = videos[0]
    if not any(_RTPMAP.match(line) for line in video):
        raise OfferError("The offer's video is neither H264 nor VP8.", "Use a browser that has one")
    direction = next(
        (
            line[2:]
            for line in reversed(head + video)
            if line in ("a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive")
        ),
        "sendrecv",
    )
    wanted = ("sendrecv", "sendonly") if role == "performer" else ("sendrecv", "recvonly")
    if direction not in wanted:
        raise OfferError(f"The {role}'s video is {direction}, wanted {' or '.join(wanted)}.")


def _value(lines: list[str], prefix: str) -> str | None:
    return next((line[len(prefix) :].strip() for line in lines if line.startswith(prefix)), None)


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__
