"""The command line: puppetcam serve | enroll | replay | bench | score | doctor."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import sys
import threading
from collections.abc import Sequence

from engines.errors import PuppetcamError
from engines.version import version
from realtime import interrupt, log

# command -> one line for the overview; each lives in the module of its name
COMMANDS = {
    "serve": "start the server; open the printed address in a browser",
    "enroll": "make an avatar out of one photo",
    "replay": "perform a clip with an avatar and write the video",
    "score": "measure the picture: a clip performed by its own first frame",
    "bench": "measure the speed of this machine, stage by stage",
    "doctor": "what is here, what is missing, what to type",
}
EPILOG = """exit codes: 0 done, 1 failed, 2 input that cannot be used, 3 nobody in the picture,
4 device, provider or codec not there, 5 model or asset damaged, 6 busy port or full server,
130 interrupted"""

OS_HINT = "look at the disk's free space and at who may write there; -v says where it happened"


def parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The command line. The command that ``argv`` names adds its arguments; the others, whose

    modules take long to import, are only listed.
    """
    named = next((word for word in argv if not word.startswith("-")), None)
    top = argparse.ArgumentParser(
        prog="puppetcam",
        description="One photo becomes a live avatar.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"puppetcam {version()}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        if name != named:
            commands.add_parser(name, help=summary)
            continue
        module = importlib.import_module(f"realtime.{name}")
        command = commands.add_parser(
            name,
            help=summary,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_argument(
            "--json", action="store_true", help="the result as one JSON line, last"
        )
        command.add_argument("-v", "--verbose", action="store_true", help="log more")
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if threading.current_thread() is threading.main_thread():
        # Who is told to end removes what is half written, as after Ctrl-C.
        interrupt.listen()
    try:
        args = parser(argv).parse_args(argv)  # imports the command: a second in which to interrupt
        usual = logging.INFO if args.command == "serve" else logging.WARNING
        log.configure(logging.DEBUG if args.verbose else usual)
        try:
            return int(args.run(args))
        except (PuppetcamError, OSError) as error:
            if interrupt.told():
                raise
            return _failed(error, args.json)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) or interrupt.told():
            print("interrupted", file=sys.stderr)
            return 130
        raise


def _failed(error: PuppetcamError | OSError, as_json: bool) -> int:
    """Says what went wrong and returns the exit code."""
    if isinstance(error, PuppetcamError):
        message, hint, told, code = error.message, error.hint, str(error), error.exit_code
    else:  # a full disk, a folder that may not be written to
        logging.getLogger(__name__).debug("failed", exc_info=True)
        message, hint, told, code = str(error), OS_HINT, f"{error}\n  {OS_HINT}", 1
    if as_json:
        print(json.dumps({"error": message, "hint": hint}))
    print(f"error: {told}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
