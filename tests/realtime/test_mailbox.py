"""The newest-only slot."""

from __future__ import annotations

import asyncio
import threading

import pytest

from realtime.mailbox import Mailbox, MailboxClosed


async def test_takes_what_was_put() -> None:
    box: Mailbox[int] = Mailbox()
    box.put(1)
    assert await box.take() == 1
    assert box.dropped == 0


async def test_newest_wins_and_the_rest_is_counted() -> None:
    box: Mailbox[int] = Mailbox()
    for item in range(5):
        box.put(item)
    assert await box.take() == 4
    assert box.dropped == 4
    assert box.poll() is None


async def test_take_waits_for_another_thread() -> None:
    box: Mailbox[str] = Mailbox()
    taking = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    thread = threading.Thread(target=box.put, args=("late",))
    thread.start()
    assert await asyncio.wait_for(taking, 2) == "late"
    thread.join()


async def test_a_cancelled_taker_loses_nothing() -> None:
    box: Mailbox[int] = Mailbox()
    taking = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    taking.cancel()
    box.put(7)
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert await box.take() == 7


async def test_close_wakes_the_taker_and_drops() -> None:
    box: Mailbox[int] = Mailbox()
    taking = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    box.close()
    with pytest.raises(MailboxClosed):
        await taking
    box.put(1)
    assert box.dropped == 1
    assert box.poll() is None
    with pytest.raises(MailboxClosed):
        await box.take()


def test_poll_and_on_put() -> None:
    calls: list[int] = []
    box: Mailbox[int] = Mailbox(on_put=lambda: calls.append(1))
    assert box.poll() is None
    box.put(3)
    assert calls == [1]
    assert box.poll() == 3


async def test_many_threads_lose_only_what_is_counted() -> None:
    box: Mailbox[int] = Mailbox()
    taken = 0

    async def take() -> None:
        nonlocal taken
        while True:
            try:
                await box.take()
            except MailboxClosed:
                return
            taken += 1

    taking = asyncio.create_task(take())

    def put() -> None:
        for k in range(200):
            box.put(k)

    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    box.close()
    await taking
    assert taken + box.dropped == 800
