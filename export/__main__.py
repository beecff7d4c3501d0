"""puppetcam-export: everything that is built ahead of time."""

from __future__ import annotations

import argparse
import sys

from engines.errors import DeviceError, PuppetcamError
from export import avatars, bench_torch, body, cubins, keypoints_command, people, probe, to_trt

LIBRARIES = frozenset({"torch", "anny", "onnx", "skimage", "tflite", "flatbuffers"})
"""What the extra "export" installs, as it is imported."""


def main(argv: list[str] | None = None) -> int:
    """Entry point of ``puppetcam-export``; a PuppetcamError's exit code where there is one."""
    parser = argparse.ArgumentParser(prog="puppetcam-export", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    avatars.add_parser(commands)
    bench_torch.add_parser(commands)
    body.add_parser(commands)
    cubins.add_parser(commands)
    keypoints_command.add_parser(commands)
    people.add_parser(commands)
    probe.add_parser(commands)
    to_trt.add_parser(commands)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except PuppetcamError as error:
        print(f"puppetcam-export: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        library = (error.name or "").split(".")[0]
        if library not in LIBRARIES:
            raise
        missing = DeviceError(f"{library} is not installed", "pip install -e '.[export]'")
        print(f"puppetcam-export: {arguments.command}: {missing}", file=sys.stderr)
        return missing.exit_code
    except OSError as error:  # a full disk, a folder that may not be written to
        print(f"puppetcam-export: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
