"""Runs in a fresh process of the layer's interpreter: imports the given modules and prints the failures as JSON."""

import importlib
import json
import sys

failures = {}
for module in sys.argv[1:]:
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - Rust's panics are not Exceptions, nor is SystemExit
        failures[module] = f"{type(error).__name__}: {error}".partition("\n")[0]
sys.stdout.write(f"\n{json.dumps(failures)}\n")  # after whatever the modules printed
