"""The errors that have a name of the platform's own. What is told about an error, and how, is in ``report``."""


class Fault(Exception):
    """An error under one of the platform's own types, ``Runtime.…``.

    ``origin`` is the exception behind it: its frames are the fault's, unless ``stack`` has better ones (as
    ``traceback.format_list`` writes them), and what caused it is told with the fault.
    """

    def __init__(
        self, error_type: str, message: str, origin: BaseException | None = None, stack: list[str] | None = None
    ) -> None:
        super().__init__(error_type, message)
        self.error_type = error_type
        self.message = message
        self.origin = origin
        self.stack = stack
