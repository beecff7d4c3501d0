"""Where Chromium is on this machine."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from engines.errors import DeviceError

PLACES = {
    "linux": (),
    "darwin": (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ),
    "win32": (
        r"C:\Program Files\Google\Chrome\Application\chrome.exe",
        r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
    ),
}


def find_chromium() -> Path:
    """Chromium, Chrome or Edge on this machine; PUPPETCAM_CHROMIUM names another.

    Raises DeviceError if there is none.
    """
    named = os.environ.get("PUPPETCAM_CHROMIUM")
    names = (named,) if named else ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = [path for name in names if (path := shutil.which(name))]
    found += [] if named else [path for path in PLACES.get(sys.platform, ()) if Path(path).exists()]
    if not found:
        raise DeviceError(
            f"no Chromium here (looked for {', '.join(names)})",
            "Debian, Ubuntu: apt-get install chromium; elsewhere install Chrome, "
            "or set PUPPETCAM_CHROMIUM to the program",
        )
    return Path(found[0])
