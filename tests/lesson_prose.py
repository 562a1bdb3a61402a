"""What a lesson says, as its readers see it."""

import re
from pathlib import Path

from simfp.course import notebooks

TO_THE_GLOSSARY = re.compile(r"\[([^\]]*)\]\(\.\./docs/glossary\.md#[^)]*\)")


def words_of(file: Path) -> str:
    """The cells of a notebook, one after the other; of a link to the glossary the term alone."""
    cells = notebooks.read(file)["cells"]
    return TO_THE_GLOSSARY.sub(r"\1", "\n".join(notebooks.source(cell) for cell in cells))
