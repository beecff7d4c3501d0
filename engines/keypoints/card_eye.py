"""An eye that looks at the camera's planes where they lie: on the card."""

from __future__ import annotations

from engines.base import Arrays
from engines.camera_cuda import CudaCamera, CudaEye
from engines.keypoints.eye import EngineEye, Look
from engines.keypoints.region import Region
from engines.ort import OrtOnCard
from engines.trt import TrtEngine
from engines.types import U8


class CardEye:
    """An eye on the card of ``camera``, which the eyes of one tracker share: a frame goes up once.

    Owns ``engine``. It is made on any thread; the first ``look`` takes memory of the card.
    """

    def __init__(self, engine: TrtEngine | OrtOnCard, look: Look, camera: CudaCamera) -> None:
        self._engine, self._look, self._camera = engine, look, camera
        self._by_cpu = EngineEye(engine, look)
        self._eye: CudaEye | None = None

    @property
    def device(self) -> str:
        return self._engine.device

    def look(self, image: U8, region: Region) -> Arrays:
        """See ``Eye``; of RGB the CPU cuts the square out. DeviceError when the card fails."""
        if image.ndim == 3:
            return self._by_cpu.look(image, region)
        if self._eye is None:
            look = self._look
            card = self._camera.device
            self._eye = CudaEye(
                card, self._camera, self._engine, look.gain, look.bias, look.replicate
            )
        self._camera.show(image)
        return self._eye.look(region)

    def close(self) -> None:
        self._eye = None
        self._engine.close()
