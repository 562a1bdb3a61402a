"""`python -m simfp.course.authoring new 99`: lays down a lesson, to be written further."""

from __future__ import annotations

import sys

from simfp import commands
from simfp.course.authoring import new_lesson

__all__ = ["main"]


def main(words: list[str]) -> int:
    """Runs the command that the words make: 0 where it did, 2 where it was refused, after saying why."""
    if len(words) not in (2, 3) or words[0] != "new":
        print(f"usage: {commands.typed('simfp.course.authoring')} new NUMBER [NAME]", file=sys.stderr)
        return 2
    try:
        written = new_lesson.lay_down(new_lesson.ROOT, *words[1:])
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    for path in written:
        print(path.relative_to(new_lesson.ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
