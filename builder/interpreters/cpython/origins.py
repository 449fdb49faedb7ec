"""Which sources the files of the tree are made of."""


def origins(path: str, linked: tuple[str, ...]) -> tuple[str, ...]:
    """The time zones lie in the library, the loop's part in C is in the executable."""
    match path.split("/"):
        case ["bin", *_]:
            return (*linked, "runtime")
        case ["lib", _, name, *_] if name.startswith("tzdata"):
            return ("tzdata",)
        case _:
            return ("cpython",)
