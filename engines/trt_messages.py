"""What TensorRT says while it works: its log, and how far a build is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)


def logger(trt: Any, complaints: list[str]) -> Any:
    """Warnings to our log, errors also to ``complaints``."""

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                complaints.append(message)
                log.warning("%s", message)
            else:
                log.debug("%s", message)

    return Logger()


def monitor(trt: Any, report: Callable[[float], None]) -> Any:
    """Tells ``report`` the share of the outermost phase's steps that is done."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._outermost, self._steps = "", 1

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            if parent is None:
                self._outermost, self._steps = phase, steps

        def step_complete(self, phase: str, step: int) -> bool:
            if phase == self._outermost:
                report(min(1.0, (step + 1) / self._steps))
            return True

        def phase_finish(self, phase: str) -> None:
            if phase == self._outermost:
                report(1.0)

    return Monitor()
