"""What to use in place of names of torch that are not here."""

HINTS: tuple[tuple[str, str, str], ...] = ()
