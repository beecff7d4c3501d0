"""What the compiler says about each kernel of a cubin: an ELF file with NVIDIA's own notes."""

from __future__ import annotations

import struct
from dataclasses import dataclass

REGISTERS, FRAME = 0x2F, 0x11  # attributes of the section .nv.info, as cuobjdump names them
VALUE = 4  # an attribute's format: two bytes of size, then that many
SYMBOLS = 2  # a section's type


@dataclass(frozen=True, slots=True)
class Kernel:
    """registers: of a thread; stack: bytes of local memory, where spilled registers go too."""

    registers: int
    stack: int


def kernels(cubin: bytes) -> dict[str, Kernel]:
    """By name."""
    table, size, count, names = (
        *struct.unpack_from("<Q", cubin, 0x28),
        *struct.unpack_from("<HHH", cubin, 0x3A),
    )
    heads = [struct.unpack_from("<IIQQQQII", cubin, table + size * n) for n in range(count)]
    sections = {_text(cubin, heads[names][4] + head[0]): head for head in heads}
    symbols = next(head for head in heads if head[1] == SYMBOLS)
    texts = heads[symbols[6]][4]
    begin, length = sections[".nv.info"][4:6]
    found: dict[str, dict[int, int]] = {}
    at = begin
    while at < begin + length:
        form, attribute, given = struct.unpack_from("<BBH", cubin, at)
        if form == VALUE and given == 8:
            symbol, value = struct.unpack_from("<II", cubin, at + 4)
            (name,) = struct.unpack_from("<I", cubin, symbols[4] + 24 * symbol)
            found.setdefault(_text(cubin, texts + name), {})[attribute] = value
        at += 4 + (given if form == VALUE else 0)
    return {
        name: Kernel(values[REGISTERS], values[FRAME])
        for name, values in found.items()
        if f".text.{name}" in sections
    }


def _text(cubin: bytes, at: int) -> str:
    return cubin[at : cubin.index(b"\0", at)].decode()
