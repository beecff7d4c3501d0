"""One error type for what a user can mend: it says what, got, wanted, and what to type."""

from __future__ import annotations


class PuppetcamError(Exception):
    """Something the user can mend.

    message: what went wrong, what was got and what was wanted. hint: what to do or type.
    ``exit_code`` is what the command line returns for it.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class InputError(PuppetcamError):
    """A picture, clip, avatar or option that cannot be used as it is."""

    exit_code = 2


class NoPersonError(InputError):
    """A picture or clip in which no person was found."""

    exit_code = 3


class DeviceError(PuppetcamError):
    """An asked-for device, provider or codec that is not there."""

    exit_code = 4


class ModelError(PuppetcamError):
    """A model or asset file that is missing, altered or does not fit."""

    exit_code = 5


class BusyError(PuppetcamError):
    """No room: a busy port, a full server."""

    exit_code = 6
