from __future__ import annotations

from engines.backdrop import Backdrop
from engines.kernels.warm_up import KERNELS, warm_up
from engines.render import Renderer, View
from tests.engines.figures import SIZE, avatar, read_only, with_hand


def test_nothing_compiles_while_drawing() -> None:
    said: list[str] = []
    warm_up(said.append)
    assert said == [kernel.__name__ for kernel in KERNELS]
    before = [len(kernel.signatures) for kernel in KERNELS]
    assert all(before)
    handed, _ = with_hand((0, 0))
    for figure in (avatar(), handed, read_only(handed)):
        person = Renderer(figure, SIZE, View()).render(figure.reference)
        for spec in ("photo", "none"):
            Backdrop(figure, SIZE, View(), spec).under(person)
    assert [len(kernel.signatures) for kernel in KERNELS] == before
