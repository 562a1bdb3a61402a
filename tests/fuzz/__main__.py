"""`python -m tests.fuzz`: tries every property on new examples, round after round, for as long as it is told.

Each round has a seed of its own, which is printed: `--seed N` begins with that round again. What fails is shrunk, told
and kept in the folder `.fuzz`: its report, and the example, which is the first to be tried the next time.
"""

from __future__ import annotations

import argparse
import multiprocessing
import secrets
import sys
import time

from simfp.commands import typed
from tests.fuzz.properties import PROPERTIES
from tests.fuzz.rounds import FOLDER, load, rounds

EXAMPLES = 1000  # of one property in one round, at most


def main(arguments: list[str] | None = None) -> int:
    """Runs the properties; 1 where one did not hold."""
    parser = argparse.ArgumentParser(prog=typed("tests.fuzz"), description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long (10)")
    parser.add_argument("--processes", type=int, default=1, help="how many side by side (1)")
    parser.add_argument("--seed", type=int, help="that of the first round; else one that nobody knows")
    parser.add_argument("--examples", type=int, default=EXAMPLES, help=f"of a property in a round ({EXAMPLES})")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="modules or properties, or parts of names"
    )
    parser.add_argument("--list", action="store_true", help="name the properties, and run none")
    options = parser.parse_args(arguments)
    if options.minutes <= 0 or options.processes < 1 or options.examples < 1:
        parser.error("--minutes, --processes and --examples must be positive")
    load()
    names = [name for name in PROPERTIES if not options.only or any(part in name for part in options.only)]
    if not names:
        parser.error(f"no property is called {', '.join(options.only)}; --list names them")
    if options.list:
        print("\n".join(names))
        return 0
    first = secrets.randbelow(2**32) if options.seed is None else options.seed
    until = time.monotonic() + 60 * options.minutes
    jobs = [(names, first + 10**6 * i, until, options.examples) for i in range(options.processes)]
    try:
        if options.processes == 1:
            failed = rounds(*jobs[0])
        else:
            with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
                failed = sum(pool.starmap(rounds, jobs))
    except KeyboardInterrupt:
        print("stopped; what has failed so far is told above", flush=True)
        return 130
    print(f"{failed} failures; {FOLDER}/ has them" if failed else "every property held", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
