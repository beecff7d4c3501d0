"""A signal that Python loses on the way still ends the command."""

from __future__ import annotations

import importlib
import signal
from collections.abc import Iterator

import pytest

from realtime import doctor, interrupt
from realtime.__main__ import main


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = [(n, signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM)]
    interrupt.listen()
    yield
    interrupt.listen()  # forgets what the test sent
    for number, handler in before:
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_was_swallowed_is_remembered(number: signal.Signals) -> None:
    interrupt.check()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    assert interrupt.told()
    with pytest.raises(KeyboardInterrupt):
        interrupt.check()


def test_one_that_became_another_error_is_an_interrupt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def importing(args: object) -> int:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt as lost:
            raise ImportError("initialization failed") from lost
        return 0

    monkeypatch.setattr(doctor, "run", importing)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_an_error_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(args: object) -> int:
        raise ImportError("initialization failed")

    monkeypatch.setattr(doctor, "run", broken)
    with pytest.raises(ImportError):
        main(["doctor"])


def test_it_is_heard_while_the_command_is_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def importing(name: str) -> object:
        signal.raise_signal(signal.SIGTERM)
        raise ImportError(name)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    monkeypatch.setattr(importlib, "import_module", importing)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
