"""Two and more real peers in one process, over loopback, with a fake puppet."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from dataclasses import replace
from functools import partial

import pytest

from engines.errors import BusyError, DeviceError
from engines.types import U8, Avatar, Frame
from realtime import peer
from realtime.codec import Codecs
from realtime.gallery import MissingError
from realtime.hub import Backstage, Hub
from realtime.mark import read_mark, write_mark
from realtime.offer import Offer, OfferError
from realtime.picture import Drawn, Forms
from realtime.puppet import Swap
from tests.fakes import COLOURS, FakeGallery, FakePuppet
from tests.realtime import cards
from tests.realtime.peers import Camera, Client, client, near, no_camera_pixel, until

# --- pictures -------------------------------------------------------------------------------


async def test_frames_flow_both_ways(hub: Hub, puppets: list[FakePuppet]) -> None:
    async with client(hub, Camera()) as performer:
        await until(lambda: len(performer.images) > 10)
        assert near(performer.colour, COLOURS["red"])
        assert performer.images[-1][1].shape == (160, 160, 3)
        await until(lambda: performer.told("stats"))
        stats = performer.told("stats")[0]
        assert stats["fps_in"] > 5
        assert stats["backend"] == "fake"
        assert stats["tracking"] is True
        assert set(stats["stages"]["paint"]) == {"p50", "p95", "p99"}
        assert hub.health()["sessions"] == 1
        assert hub.health()["backend"] == "fake"
        assert no_camera_pixel(performer)
    await until(lambda: not hub.sessions)
    await until(lambda: puppets[0].closed)
    assert puppets[0].threads == {"compute"}
    assert hub.health()["sessions"] == 0


async def test_a_card_that_stops_encoding_in_mid_stream_freezes_nothing(
    backstage: Backstage,
) -> None:
    card = cards.faulty_encoder(cards.failing_at(10))
    hub = Hub(replace(backstage, codecs=Codecs(encoder=card, encoder_why="tried")))
    assert hub.health()["video"].startswith("H264 encoded by the card (tried)")
    async with client(hub, Camera()) as performer:
        await until(lambda: performer.told("message"))
        seen = len(performer.images)
        await until(lambda: len(performer.images) > seen + 20)
        assert near(performer.colour, COLOURS["red"])
        message = performer.told("message")[0]
        assert message["level"] == "warning"
        assert message["text"] == "The card no longer encodes one of the videos."
        assert hub.health()["failures"] >= 1
    await hub.close()


async def test_before_any_camera_frame_the_still_is_shown(
    hub: Hub, puppets: list[FakePuppet]
) -> None:
    async with client(hub, Camera(fps=0.01), avatar="blue") as performer:
        await until(lambda: performer.images)
        first = performer.images[0][1]
        assert near(performer.colour, COLOURS["blue"])
        assert first.shape == (160, 160, 3)
        performer.send(type="avatar", name="green")  # and a change is seen without a camera
        await until(lambda: near(performer.colour, COLOURS["green"]))
        assert puppets[0].frames <= 1


async def test_a_slow_puppet_drops_frames_and_stays_new(
    hub: Hub, puppets: list[FakePuppet]
) -> None:
    sent_s: list[float] = []

    def draw(image: U8, k: int) -> None:
        write_mark(image, k)
        sent_s.append(time.monotonic())

    async with client(hub, Camera(fps=40, size=(320, 240), draw=draw)) as performer:
        await until(lambda: performer.told("hello"))
        puppets[0].work_s = 0.1  # a quarter of what comes can be worked on
        performer.send(type="mark", on=True)
        slow_s = time.monotonic()

        def late() -> list[tuple[float, float]]:
            """How long it had been slow when a picture came, and how old that was, s."""
            marks = [(at, read_mark(image)) for at, image in performer.images]
            return [
                (at - slow_s, at - sent_s[mark])
                for at, mark in marks
                if mark is not None and at - slow_s > 3
            ]

        await until(lambda: len(late()) > 4, 20)
        # Newest wins: in a queue a picture would be three quarters as old as the slowness.
        assert all(age < 0.4 * slow for slow, age in late())
        await until(lambda: performer.told("stats")[-1]["dropped"] > 20, 20)


@pytest.mark.parametrize("on_card", [False, True])
async def test_marks_go_to_the_performer_who_asked_only(
    hub: Hub, puppets: list[FakePuppet], on_card: bool
) -> None:
    def draw(image: U8, k: int) -> None:
        write_mark(image, 1234)

    def marks(peer: Client) -> set[int | None]:
        return {read_mark(image) for _, image in peer.images}

    async with (
        client(hub, Camera(size=(320, 240), draw=draw)) as performer,
        client(hub, session=performer.session) as viewer,
    ):
        await until(lambda: len(performer.images) > 5 and performer.told("hello"))
        puppets[0].takes_planes = on_card
        assert marks(performer) == {None}
        performer.send(type="mark", on=True)
        await until(lambda: 1234 in marks(performer))
        await until(lambda: len(viewer.images) > 10)
        assert marks(viewer) == {None}


async def test_a_failing_puppet_shows_the_last_good_picture(
    hub: Hub, puppets: list[FakePuppet]
) -> None:
    async with client(hub, Camera()) as performer:
        await until(lambda: len(performer.images) > 5 and performer.told("hello"))
        puppets[0].fail = RuntimeError("secret details")
        failing_from = len(performer.images)
        await until(lambda: len(performer.images) > failing_from + 10)
        assert near(performer.colour, COLOURS["red"])
        puppets[0].fail = None
        await until(lambda: performer.told("stats"))
        (message,) = performer.told("message")  # one, though many frames failed
        assert message["level"] == "error"
        assert "secret" not in str(performer.messages)
        assert performer.told("stats")[-1]["failures"] >= 5
        worked = puppets[0].frames
        await until(lambda: puppets[0].frames > worked + 5)
        assert no_camera_pixel(performer)


async def test_a_card_that_fails_is_told_and_counted(hub: Hub, puppets: list[FakePuppet]) -> None:
    async with client(hub, Camera()) as performer:
        await until(lambda: performer.images)
        puppets[0].survived = [
            DeviceError("tensorrt failed, the CPU goes on: its memory is full", "close games"),
            DeviceError("drawing on the card failed, the CPU goes on: its memory is full"),
        ]
        await until(lambda: performer.told("message"))
        (told,) = performer.told("message")  # one notice for one lost card
        assert (told["level"], told["hint"]) == ("error", "close games")
        assert "the CPU goes on" in told["text"]
        assert hub.health()["failures"] == 2
        frames = puppets[0].frames
        await until(lambda: puppets[0].frames > frames)


async def test_a_card_that_fails_while_no_camera_runs_is_told_too(
    hub: Hub, puppets: list[FakePuppet], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client(hub, Camera(fps=0.001)) as performer:
        await until(lambda: performer.images and performer.told("hello"))
        puppet, still = puppets[0], puppets[0].still

        def fails() -> U8:
            puppet.survived.append(DeviceError("drawing on the card failed, the CPU goes on"))
            return still()

        monkeypatch.setattr(puppet, "still", fails)
        performer.send(type="background", value="none")
        await until(lambda: performer.told("message"))


async def test_the_cameras_own_picture_is_never_passed_on(
    hub: Hub, puppets: list[FakePuppet], monkeypatch: pytest.MonkeyPatch
) -> None:
    def leak(self: FakePuppet, frame: Frame, forms: Forms = frozenset()) -> Drawn:
        self.frames += 1
        image = frame.image if self.frames % 2 else frame.image[:, ::-1]
        return {"rgba": image} if self.frames % 3 else {"plain": image[:, :, 0]}

    monkeypatch.setattr(FakePuppet, "process", leak)
    async with client(hub, Camera()) as performer:
        await until(lambda: puppets[0].frames > 10 and len(performer.images) > 5)
        assert near(performer.colour, COLOURS["red"])
        assert no_camera_pixel(performer)


# --- control --------------------------------------------------------------------------------


async def test_the_avatar_changes_behind_the_running_picture(
    hub: Hub, backstage: Backstage
) -> None:
    assert isinstance(backstage.gallery, FakeGallery)
    async with client(hub, Camera()) as performer:
        await until(lambda: len(performer.images) > 5 and performer.told("hello"))
        assert performer.told("hello")[0]["avatar"] == "red"
        backstage.gallery.load_s = 0.3
        performer.send(type="avatar", name="green")
        await until(lambda: performer.told("avatar"))
        before = len(performer.images)
        await until(lambda: near(performer.colour, COLOURS["green"]))
        assert len(performer.images) > before + 3  # the picture ran on while it loaded
        await until(lambda: len(performer.told("avatar")) == 2)
        assert [m["state"] for m in performer.told("avatar")] == ["loading", "ready"]
        performer.send(type="avatar", name="nobody")
        await until(lambda: performer.told("message"))
        assert performer.told("message")[0]["text"] == "There is no avatar 'nobody'."
        assert near(performer.colour, COLOURS["green"])


async def test_controls_reach_the_puppet(hub: Hub, puppets: list[FakePuppet]) -> None:
    async with client(hub, Camera()) as performer:
        await until(lambda: performer.told("hello"))
        assert performer.told("hello")[0]["session"] == performer.session
        performer.send(type="mirror", on=True)
        performer.send(type="background", value="#00ff00")
        performer.send(type="calibrate")
        performer.send(type="ping", id=[1, 2])
        await until(lambda: puppets[0].calibrations)
        assert puppets[0].mirror
        await until(lambda: puppets[0].background == "#00ff00")
        await until(lambda: performer.told("pong"))
        assert performer.told("pong") == [{"type": "pong", "id": [1, 2]}]
        performer.send(type="dance")
        await until(lambda: performer.told("message"))
        assert performer.told("message")[0]["level"] == "warning"


async def test_a_flood_of_changes_is_thinned_and_built_beside_the_frames(
    hub: Hub, puppets: list[FakePuppet]
) -> None:
    async with client(hub, Camera()) as performer:
        await until(lambda: len(performer.images) > 5 and performer.told("hello"))
        before = puppets[0].frames
        for i in range(300):
            performer.send(type="background", value=f"#0000{i % 256:02x}")
        performer.send(type="background", value="#00ff00")
        await until(lambda: puppets[0].background == "#00ff00")
        assert puppets[0].frames > before
        assert len(puppets[0].builders) < 30
        assert puppets[0].stills == 1  # nobody looks at another: each would cost a frame's time
        assert all(name.startswith("build") for name in puppets[0].builders)


async def test_avatars_asked_for_while_one_is_being_built(
    hub: Hub, puppets: list[FakePuppet], monkeypatch: pytest.MonkeyPatch
) -> None:
    let = threading.Event()
    prepare = FakePuppet.prepare_avatar

    def slow(puppet: FakePuppet, avatar: Avatar) -> Swap:
        swap = prepare(puppet, avatar)
        assert let.wait(10)
        return swap

    def asked(times: int) -> bool:
        return len(performer.told("avatar")) >= times

    monkeypatch.setattr(FakePuppet, "prepare_avatar", slow)
    async with client(hub, Camera()) as performer:
        await until(lambda: performer.told("hello"))
        performer.send(type="avatar", name="green")
        await until(lambda: puppets[0].builders)
        for k, name in enumerate(("blue", "red", "blue", "nobody")):
            performer.send(type="avatar", name=name)
            await until(partial(asked, k + 2))
            await asyncio.sleep(0.1)  # loaded, and waiting behind the one being built
        await until(lambda: performer.told("message"))
        let.set()
        await until(lambda: near(performer.colour, COLOURS["blue"]))
        assert hub.sessions[performer.session].avatar == "blue"
        let.clear()
        performer.send(type="avatar", name="green")
        await until(lambda: len(puppets[0].builders) == 3)
        for _ in range(2):
            performer.send(type="avatar", name="red")
            await asyncio.sleep(0.1)
    await until(lambda: not hub.sessions)
    let.set()
    await until(lambda: puppets[0].closed)


# --- coming and going -----------------------------------------------------------------------


async def test_a_second_page_takes_the_first_ones_place(
    hub: Hub, puppets: list[FakePuppet]
) -> None:
    async with client(hub, Camera(), session="my-session") as first:
        await until(lambda: first.images)
        async with client(hub, Camera(), session="my-session") as second:
            await until(lambda: second.images and first.connection.connectionState == "closed")
            assert len(puppets) == 1
            assert hub.health()["sessions"] == 1


async def test_a_vanished_peer_is_cleaned_up(hub: Hub, puppets: list[FakePuppet]) -> None:
    async with client(hub, Camera()) as performer:
        await until(lambda: len(performer.images) > 3)
        # No goodbye: the sockets go deaf and dumb.
        transport = performer.connection.getSenders()[0].transport.transport
        for protocol in transport._connection._protocols:
            protocol.transport.abort()
        await until(lambda: not hub.sessions, 10)
        await until(lambda: puppets[0].closed)
        assert hub.health()["sessions"] == 0


async def test_a_peer_that_never_connects_is_given_up(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "CONNECT_S", 0.2)
    never = Client(Camera())
    body = {"sdp": await never.offer(), "type": "offer"}
    await hub.answer(Offer.parse(body))
    assert len(hub.sessions) == 1
    await until(lambda: not hub.sessions)
    await never.close()


async def test_full_is_said_and_ends(backstage: Backstage) -> None:
    hub = Hub(backstage, capacity=1)
    async with client(hub, Camera()) as performer:
        await until(lambda: performer.images)
        assert hub.health()["capacity"] == 1
        with pytest.raises(BusyError, match="full"):
            async with client(hub, Camera()):
                pass
        assert hub.health()["sessions"] == 1
    await until(lambda: not hub.sessions)
    async with client(hub, Camera()) as performer:
        await until(lambda: performer.images)
    await hub.close()


async def test_two_performances_do_not_mix(hub: Hub, puppets: list[FakePuppet]) -> None:
    async with (
        client(hub, Camera(), avatar="red") as red,
        client(hub, Camera(), avatar="blue") as blue,
    ):
        await until(lambda: len(red.images) > 8 and len(blue.images) > 8)
        assert near(red.colour, COLOURS["red"])
        assert near(blue.colour, COLOURS["blue"])
        assert puppets[0].threads == puppets[1].threads == {"compute"}


async def test_what_cannot_begin_leaves_nothing_behind(
    hub: Hub, backstage: Backstage, puppets: list[FakePuppet]
) -> None:
    with pytest.raises(MissingError, match="nobody"):
        async with client(hub, Camera(), avatar="nobody"):
            pass

    def broken(avatar: Avatar) -> FakePuppet:
        raise RuntimeError("no memory")

    hub.backstage = replace(backstage, make_puppet=broken)
    with pytest.raises(RuntimeError, match="no memory"):
        async with client(hub, Camera()):
            pass
    hub.backstage = backstage

    peer = Client(Camera())
    sdp = re.sub(r"profile-level-id=42", "profile-level-id=64", await peer.offer())
    sdp = sdp.replace("VP8/90000", "AV1/90000")  # nothing left that we could send
    await peer.close()
    with pytest.raises(OfferError, match="cannot be read"):
        await hub.answer(Offer.parse({"sdp": sdp, "type": "offer"}))

    await until(lambda: puppets[0].closed)
    assert not hub.sessions
    assert hub.health()["sessions"] == 0


async def test_h264_is_answered_first_vp8_where_there_is_nothing_else(hub: Hub) -> None:
    peer = Client(Camera())
    offered = await peer.offer()
    for sdp, wanted in (
        (offered, "H264"),
        (offered.replace("H264/90000", "AV1/90000"), "VP8"),
    ):
        answer, _ = await hub.answer(Offer.parse({"sdp": sdp, "type": "offer"}))
        first = re.search(r"m=video \d+ \S+ (\d+)", answer)
        assert first is not None
        assert f"a=rtpmap:{first[1]} {wanted}/90000" in answer
        assert "x-google-start-bitrate=1500" in answer
    await peer.close()


async def test_sound_is_not_taken(hub: Hub) -> None:
    peer = Client(Camera())
    peer.connection.addTransceiver("audio")
    answer, _ = await hub.answer(Offer.parse({"sdp": await peer.offer(), "type": "offer"}))
    audio = answer[answer.index("m=audio") :]
    assert "a=inactive" in audio[: audio.find("m=", 2)]
    await peer.close()
