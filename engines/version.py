"""Which puppetcam this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    """The installed version, or "source" in a checkout that is not installed."""
    try:
        return installed("puppetcam")
    except PackageNotFoundError:
        return "source"
