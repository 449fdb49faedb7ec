"""The repository with patches of our own in the place of CPython's."""

from collections.abc import Mapping

from builder.plan.keys import Materials
from builder.repository import Repository, load_repository

REPOSITORY = load_repository()
PRODUCT = REPOSITORY.products.by_name["cpython-3.13"]
FOLDER = "patches/cpython/3.13/fast"
GOOD = {
    "Why": "it does too much.\n    Now it does less.",
    "Changes": "Nothing.",
    "Evidence": "test_json, fuzz json, tests/patches/test_header.py",
    "Benchmark": "programs/fib, json_loads",
    "Upstream": "not for upstream: a test.",
    "Remove when": "it does less by itself.",
}
DIFF = """\
--- a/Modules/a.c
+++ b/Modules/a.c
@@ -1,3 +1,4 @@
 one
-two
---two
+2
+++2
+3
 three
"""


def text(fields: Mapping[str, str], diff: str = DIFF, title: str = "Do less") -> str:
    """A patch's file."""
    return f"{title}\n\n" + "".join(f"{name}: {value}\n" for name, value in fields.items()) + f"\n{diff}"


def with_patches(patches: Mapping[str, str]) -> Repository:
    """The repository with these patches of CPython, file name → text; OpenSSL keeps its own."""
    ours = dict(REPOSITORY.files.contents)
    for path in REPOSITORY.files.below("patches/cpython"):  # other series have some, too
        if path.endswith("/series"):
            ours[path] = b""
        else:
            del ours[path]
    ours[f"{FOLDER}/series"] = "".join(f"{name} # why\n" for name in patches).encode()
    ours |= {f"{FOLDER}/{name}": content.encode() for name, content in patches.items()}
    return Repository(REPOSITORY.pins, REPOSITORY.products, Materials(ours), REPOSITORY.tools)
