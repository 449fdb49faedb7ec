"""In a fresh process of the layer's interpreter: imports the modules it is given, and tells which of them did not."""

import importlib
import json
import sys

failures = {}
for module in sys.argv[1:]:
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - Rust's panics are no Exceptions, nor is what ends a process
        failures[module] = f"{type(error).__name__}: {error}".partition("\n")[0]
sys.stdout.write(f"\n{json.dumps(failures)}\n")  # below whatever the modules printed
