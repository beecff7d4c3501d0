"""Which device computes: asked for and got, or chosen and said why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engines import ort, trt
from engines.driver import ON_CPU, Card, Driver, driver
from engines.errors import DeviceError
from engines.keypoints.eye import Eye
from engines.proof import prove
from engines.standby import StandbyEye

DEVICES = ("auto", "cpu", "cuda", "tensorrt", "tensorrt-rtx")
ON_CARD = ("tensorrt-rtx", "tensorrt", "cuda")  # what auto takes first
NETWORKS = {
    "cpu": "ONNX Runtime",
    "cuda": "ONNX Runtime",
    "tensorrt": "TensorRT",
    "tensorrt-rtx": "TensorRT for RTX",
}  # what computes them
OLDEST = (7, 5)  # Turing: compute capability that TensorRT 10 and its RTX twin still serve


@dataclass(frozen=True, slots=True)
class Choice:
    """A device and why it was taken. card: None on the CPU."""

    device: str
    why: str
    card: Card | None = None

    def __str__(self) -> str:
        where = f" on {self.card.name}" if self.card else ""
        return f"device {self.device}{where} ({self.why})"


def choose(asked: str) -> Choice:
    """``asked``, one of DEVICES, and never another; auto: the first of ON_CARD, else the CPU.

    A card has computed something before it is taken. Raises DeviceError with the line to type for
    one that is not there or does not compute.
    """
    if asked not in DEVICES:
        raise DeviceError(f"--device: got {asked!r}, wanted one of {', '.join(DEVICES)}")
    if asked == "cpu":
        return Choice("cpu", "asked for")
    if asked != "auto":
        gpu = driver()
        check(asked, gpu)
        return Choice(asked, "asked for", gpu.card)
    try:
        gpu = driver()
        _check_age(gpu.card)
    except DeviceError as error:
        return Choice("cpu", error.message)
    refused = []
    for device in ON_CARD:
        try:
            check(device, gpu)
        except DeviceError as error:
            refused.append(error.message)
        else:
            return Choice(device, "; ".join(["the first that computes", *refused]), gpu.card)
    return Choice("cpu", "; ".join(refused))


def check(device: str, gpu: Driver) -> None:
    """Raise DeviceError unless ``device`` computes on this driver's card: it is tried."""
    _check_age(gpu.card)
    if device == "cuda":
        if ort.PROVIDERS["cuda"] not in ort.available_providers():
            raise DeviceError(
                f"cuda: this onnxruntime has {ort.available_providers()}, "
                f"wanted {ort.PROVIDERS['cuda']}",
                ort.INSTALL,
            )
    else:
        _check_library(device, gpu)
    prove(device)


def _check_age(card: Card) -> None:
    if card.capability < OLDEST:
        raise DeviceError(
            f"{card.name} is too old: it has compute capability {_dotted(card.capability)}, wanted "
            f"{_dotted(OLDEST)} or above (GeForce RTX 20 series)",
            ON_CPU,
        )


def _check_library(device: str, gpu: Driver) -> None:
    card = gpu.card
    known = trt.targets(trt.library(device))
    if known and card.target not in known:
        raise DeviceError(
            f"{device}: {card.name} is {card.target}, wanted one of {', '.join(known)}",
            f"pip install -e '.[{trt.EXTRAS['tensorrt']}]', then --device tensorrt",
        )
    wanted = trt.cuda_of(device)
    if wanted is not None and gpu.cuda < (wanted, 0):
        raise DeviceError(
            f"{device}: the NVIDIA driver is too old, got CUDA {_dotted(gpu.cuda)}, "
            f"wanted {wanted}.0 or above",
            f"install a newer NVIDIA driver, or in a new environment pip install -e "
            f"'.[{trt.EXTRAS[device]}-cu12]', or {ON_CPU}",
        )


def words(networks: str, picture: str) -> str:
    """What computes, as people read it: the networks on one of NETWORKS, the picture on "cpu" or
    "cuda"."""
    parts: dict[str, list[str]] = {}
    parts.setdefault("CPU" if networks == "cpu" else "GPU", []).append(NETWORKS[networks])
    picture_by = ("CPU", "numba") if picture == "cpu" else ("GPU", "CUDA kernels")
    parts.setdefault(picture_by[0], []).append(picture_by[1])
    return "; ".join(f"{where}: {', '.join(parts[where])}" for where in sorted(parts, reverse=True))


def in_words(eyes: Sequence[Eye], picture: str = "cpu") -> str:
    """What computes a frame at the moment, as people read it, and what is to come.

    Where eyes differ the slowest device is named: one may have fallen back to the CPU.
    """
    device = max((eye.device for eye in eyes), key=[*ON_CARD, "cpu"].index, default="cpu")
    waiting = [eye.waiting for eye in eyes if isinstance(eye, StandbyEye) and eye.waiting]
    now = words(device, picture)
    return f"{now} ({', '.join(dict.fromkeys(waiting))})" if waiting else now


def _dotted(numbers: tuple[int, int]) -> str:
    return f"{numbers[0]}.{numbers[1]}"
