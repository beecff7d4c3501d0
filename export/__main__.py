"""puppetcam-export: everything that is built ahead of time."""

from __future__ import annotations

import argparse
import sys

from export import body


def main(argv: list[str] | None = None) -> int:
    """Entry point of ``puppetcam-export``."""
    parser = argparse.ArgumentParser(prog="puppetcam-export", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    body.add_parser(commands)
    arguments = parser.parse_args(argv)
    return int(arguments.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
