"""Which sources the files of the tree are made of."""


def origins(path: str, linked: tuple[str, ...]) -> tuple[str, ...]:
    """The loop's part in C is in the executable, and what configures it is ours."""
    return (*linked, "runtime") if path == "bin/php" else ("runtime",)
