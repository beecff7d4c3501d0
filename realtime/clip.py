"""Video files: frames in, frames out."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.error import FFmpegError

from engines.errors import InputError
from engines.types import U8, Frame

log = logging.getLogger(__name__)


class ClipReader:
    """Frames of a video file, decoded one by one, turned upright.

    Raises InputError if the file cannot be read as a video. ``rate``: frames per second;
    ``count``: frames the file claims to have, 0 if it does not say.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise InputError(f"no clip at {path}", "give the path of a video file")
        try:
            self._container = av.open(str(path))
        except (FFmpegError, ValueError) as error:
            raise InputError(
                f"{path.name} is not a readable video ({error})",
                "wanted a file that FFmpeg can decode, such as .mp4, .mkv or .webm",
            ) from error
        if not self._container.streams.video:
            self._container.close()
            raise InputError(f"{path.name} has sound but no picture", "give a video with a picture")
        self._stream = self._container.streams.video[0]
        self.path = path
        self.rate = Fraction(self._stream.average_rate or self._stream.guessed_rate or 30)
        self.count = self._stream.frames

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        try:
            for picture in self._container.decode(self._stream):
                image: U8 = np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)
                turns = (round(getattr(picture, "rotation", 0) / 90)) % 4
                if turns:
                    image = np.ascontiguousarray(np.rot90(image, turns))
                pts = picture.pts if picture.pts is not None else index
                base = picture.time_base or Fraction(1, 90_000)
                yield Frame(image, pts, base, index / float(self.rate), index)
                index += 1
        except FFmpegError as error:
            if index == 0:
                raise InputError(
                    f"{self.path.name} has no frame that can be decoded ({error})",
                    "give a video that plays elsewhere, or re-encode it",
                ) from error
            log.warning("%s ends early, after %d frames (%s)", self.path.name, index, error)

    def __enter__(self) -> ClipReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._container.close()


class ClipWriter:
    """Writes RGB or RGBA pictures of one size to a video; the suffix chooses the format.

    .mp4 and .mkv: H264, no transparency (RGBA is laid on black); .webm: VP9 with its alpha.
    Raises InputError for another suffix and for a place where no file can be made.
    """

    def __init__(self, path: Path, rate: Fraction, size: tuple[int, int], alpha: bool) -> None:
        suffix = path.suffix.lower()
        if suffix not in (".mp4", ".mkv", ".webm"):
            raise InputError(
                f"cannot write {path.name}: got the suffix {suffix or 'none'!r}",
                "wanted .mp4, .mkv or .webm",
            )
        if not path.parent.is_dir():
            raise InputError(f"no folder {path.parent}", f"make it first: mkdir {path.parent}")
        if path.is_dir():
            raise InputError(f"{path} is a folder", "give the path of a video to write")
        self.path, self.alpha = path, alpha and suffix == ".webm"
        # A name that nothing has: not another file of the user's, nor another run's.
        self._partial = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.partial{suffix}")
        try:
            self._partial.open("xb").close()  # FFmpeg would only find out at the first picture
        except OSError as error:
            raise InputError(
                f"cannot write {path} ({error.strerror or error})", "choose another place"
            ) from error
        self._container = av.open(str(self._partial), "w")
        vp9 = suffix == ".webm"
        self._stream = self._container.add_stream("libvpx-vp9" if vp9 else "libx264", rate=rate)
        self._stream.width, self._stream.height = size[0] // 2 * 2, size[1] // 2 * 2
        self._stream.pix_fmt = "yuva420p" if self.alpha else "yuv420p"
        self._stream.options = (
            {"crf": "24", "b:v": "0", "deadline": "realtime", "cpu-used": "6", "auto-alt-ref": "0"}
            if vp9
            else {"crf": "17", "preset": "medium"}
        )

    def write(self, image: U8) -> None:
        """Append one picture."""
        image = image[: self._stream.height, : self._stream.width]
        if image.shape[2] == 4 and not self.alpha:
            weight = image[:, :, 3:].astype(np.uint16)
            image = ((image[:, :, :3] * weight + 127) // 255).astype(np.uint8)
        kind = "rgba" if image.shape[2] == 4 else "rgb24"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=kind)
        self._container.mux(self._stream.encode(frame))

    def __enter__(self) -> ClipWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            try:
                if kind is None:
                    self._container.mux(self._stream.encode(None))
            finally:
                self._container.close()
            if kind is None:
                self._partial.replace(self.path)
        finally:  # a full disk is mostly found out here; and who is impatient types Ctrl-C twice
            self._partial.unlink(missing_ok=True)
