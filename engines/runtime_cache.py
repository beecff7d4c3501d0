"""What TensorRT for RTX compiled on the card itself, so that the next start need not."""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger(__name__)


class RuntimeCache:
    """TensorRT for RTX finishes an engine on the card, while its context is made and at first use.

    kept: ``grown`` of an earlier one, None if there is none. The library looks whether it belongs
    to this card, driver and version, and starts anew where it does not. config: to make a context
    with. Needs the card at work.
    """

    def __init__(self, trt: Any, engine: Any, kept: bytes | None) -> None:
        self.config = engine.create_runtime_config()
        self.config.cuda_graph_strategy = trt.CudaGraphStrategy.DISABLED  # we record ourselves
        self._cache = self.config.create_runtime_cache()
        self._size = 0
        if kept is not None:
            if self._cache.deserialize(kept):
                self._size = len(kept)
            else:
                log.info("kernels kept for another card, driver or version: they are made anew")
        self.config.set_runtime_cache(self._cache)

    def grown(self) -> bytes | None:
        """All of it, None where nothing was added to what was kept."""
        memory = self._cache.serialize()
        content = b"" if memory is None else bytes(memory)
        return content if len(content) > self._size else None
