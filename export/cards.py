"""NVIDIA's cards by compute capability, as people know them."""

from __future__ import annotations

from collections.abc import Iterable

CARDS = {
    "sm_75": "RTX 20, GTX 16",
    "sm_80": "A100, A30",
    "sm_86": "RTX 30, A10, A40",
    "sm_89": "RTX 40, L4, L40",
    "sm_90": "H100, H200",
    "sm_100": "B200",
    "sm_120": "RTX 50",
    "sm_121": "DGX Spark",
}


def named(targets: Iterable[str]) -> str:
    """``targets`` with their cards: "sm_86 (RTX 30, A10, A40), sm_89 (...)"."""
    return ", ".join(f"{name} ({CARDS[name]})" if name in CARDS else name for name in targets)
