"""Bad offers are refused at once; good ones keep what matters."""

from __future__ import annotations

import re
from typing import Any

import pytest

from realtime.offer import Offer, OfferError, checked_sdp

SECTION = """m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:0123456789abcdef01234567
a=fingerprint:sha-256 {fingerprint}
a=setup:actpass
a=mid:{mid}
a=sendrecv
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host
a=candidate:2 1 udp 2122260223 4a5b.local 50001 typ host
a=end-of-candidates
"""
FINGERPRINT = ":".join(["AB"] * 32)


def sdp(sections: int = 1, bundle: str | None = None) -> str:
    mids = " ".join(str(k) for k in range(sections)) if bundle is None else bundle
    head = f"v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE {mids}\n"
    body = "".join(SECTION.format(mid=k, fingerprint=FINGERPRINT) for k in range(sections))
    return (head + body).replace("\n", "\r\n")


def without(pattern: str) -> str:
    return re.sub(rf"{pattern}[^\r]*\r\n", "", sdp())


def test_a_good_offer() -> None:
    body = {
        "sdp": sdp(),
        "type": "offer",
        "role": "performer",
        "session": "abcdefgh",
        "avatar": "x",
    }
    offer = Offer.parse(body)
    assert (offer.role, offer.session, offer.avatar, offer.alpha) == (
        "performer",
        "abcdefgh",
        "x",
        False,
    )


def test_names_that_nobody_can_look_up_are_left_out() -> None:
    kept = checked_sdp(sdp(), "performer")
    assert "192.0.2.7" in kept
    assert ".local" not in kept
    assert "end-of-candidates" not in kept
    assert kept.replace("\r\n", "").count("\r") == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello\n", "no SDP"),
        ("v=0\r\n", "no media"),
        (sdp()[: len(sdp()) // 2], "part of one"),
        (sdp()[: sdp().index("a=mid")], "need names"),
        (sdp(1, bundle="0 1"), "cut short"),
        (without("a=group"), "bundle"),
        (without("a=fingerprint"), "fingerprint"),
        (sdp().replace(FINGERPRINT, "zz"), "fingerprint"),
        (without("a=ice-ufrag"), "ice-ufrag"),
        (without("a=ice-pwd"), "ice-pwd"),
        (without("a=mid"), "need names"),
        (sdp(2).replace("a=mid:1", "a=mid:0"), "differ"),
        (sdp().replace("m=video", "m=audio"), "no video"),
        (sdp().replace("VP8", "AV1"), "neither H264 nor VP8"),
        (sdp().replace("sendrecv", "recvonly"), "performer's video is recvonly"),
        (sdp(200), "200 media sections"),
        (sdp() + "a=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\n" * 12_000, "64 candidates"),
        (sdp() + "a=x:" + "y" * 3000 + "\r\n", "too long"),
        (sdp().replace("VP8", "\x00\xff"), "not text"),
        (sdp() + "nonsense\r\n", "not SDP"),
    ],
)
def test_bad_sdp(text: str, says: str) -> None:
    with pytest.raises(OfferError, match=says) as refused:
        checked_sdp(text, "performer")
    assert refused.value.hint


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"type": "answer"}, "type is 'answer'"),
        ({"type": None}, "type is 'None'"),
        ({"sdp": ""}, "no sdp"),
        ({"sdp": 5}, "no sdp"),
        ({"role": "director"}, "role is 'director'"),
        ({"session": "short"}, "session's name"),
        ({"session": "../../etc"}, "session's name"),
        ({"avatar": 5}, "avatar is int"),
        ({"alpha": "yes"}, "alpha is str"),
    ],
)
def test_bad_requests(change: dict[str, Any], says: str) -> None:
    with pytest.raises(OfferError, match=says):
        Offer.parse({"sdp": sdp(), "type": "offer"} | change)


@pytest.mark.parametrize("body", [None, [], "offer", 5, {}])
def test_no_request_at_all(body: object) -> None:
    with pytest.raises(OfferError):
        Offer.parse(body)


def test_directions() -> None:
    checked_sdp(sdp().replace("sendrecv", "recvonly"), "viewer")
    checked_sdp(sdp().replace("sendrecv", "sendonly"), "performer")
    checked_sdp(without("a=sendrecv"), "performer")
    with pytest.raises(OfferError, match="viewer's video is sendonly"):
        checked_sdp(sdp().replace("sendrecv", "sendonly"), "viewer")
