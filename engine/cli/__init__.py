"""The command line `brats-engine`; each command is a file of this package.

Results go to stdout, progress and remarks to stderr. Exit status: 0 done; 2 with one line that says what to mend; 130
after Ctrl+C; 1 for a bug of ours, whose traceback is in the log.
"""

import argparse
import logging
import sys
from collections.abc import Sequence

from engine import RESEARCH_USE, __version__
from engine.cli import benchmark, evaluate, models, score, segment, synthesize, train
from engine.errors import EngineError
from engine.log import log_file, start_log

PROGRAM = "brats-engine"
_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    start_log(PROGRAM, verbose=options.verbose)
    try:
        options.run(options)
    except EngineError as error:
        _log.info("refused: %s", error, exc_info=True)
        return _complain(str(error), 2)
    except MemoryError:
        _log.exception("out of memory")
        return _complain("the memory does not suffice for this; close other programs", 2)
    except KeyboardInterrupt:
        return _complain("stopped", 130)
    except Exception:  # noqa: BLE001 (the last resort: a person gets a line, the log the traceback)
        _log.exception("a bug")
        return _complain(f"an error in the program itself; please report it with {log_file(PROGRAM)}", 1)
    return 0


def _complain(line: str, status: int) -> int:
    print(f"{PROGRAM}: {line}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description=f"Segment and score brain tumours in multi-modal MRI. {RESEARCH_USE}",
        epilog=f"Details and tracebacks are logged in {log_file(PROGRAM)}",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="print the result as JSON")
    shared.add_argument("--quiet", action="store_true", help="no progress and no remarks on stderr")
    shared.add_argument("--verbose", action="store_true", help="print the log to stderr as well")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (segment, score, evaluate, synthesize, models, train, benchmark):
        command.add(commands, shared)
    return parser
