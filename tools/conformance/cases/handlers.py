"""Forms of the handler's name, and errors while the function is being loaded."""

from collections.abc import Mapping

from tools.conformance.case import Aspect, Case, Group, Rule

SAME = "def handler(event, context): return event"
INIT: Mapping[Aspect, Rule] = {"headers": Rule.INIT_JSON, "warning": Rule.NO_WARNING}
FORM: Mapping[Aspect, Rule] = {**INIT, "bodies": Rule.FORM, "log": Rule.FORM}
IMPORT: Mapping[Aspect, Rule] = {**INIT, "bodies": Rule.IMPORT_STACK, "log": Rule.IMPORT_STACK}
RAISED: Mapping[Aspect, Rule] = {**INIT, "bodies": Rule.OWN_FRAMES, "log": Rule.OWN_FRAMES}

HANDLERS = Group(
    "Handler",
    (
        Case("a function of a module"),
        Case("a module of a package, with dots", handler="a.b.handler", files={"a/__init__.py": "", "a/b.py": SAME}),
        Case("a module of a package, with slashes", handler="a/b.handler", files={"a/__init__.py": "", "a/b.py": SAME}),
        Case("a folder without __init__.py", handler="a/b.handler", files={"a/b.py": SAME}),
        Case("a package", handler="a.handler", files={"a/__init__.py": SAME}),
        Case("a lambda", "handler = lambda event, context: [event]"),
        Case("functools.partial", "import functools\nhandler = functools.partial(lambda a, b, c: [a, b], 1)"),
        Case("an object with __call__", "class A:\n    def __call__(self, event, context): return 1\nhandler = A()"),
        Case("a bound method", "class A:\n    def f(self, event, context): return 1\nhandler = A().f"),
        Case("a class", "class handler:\n    def __init__(self, event, context): pass\n    _asdict = lambda s: {}"),
        Case("*args", "def handler(*args): return len(args)"),
        Case("defaults", "def handler(event=None, context=None, more=3): return more"),
        Case("a built-in function", "from operator import is_ as handler"),
        Case("a decorated function", "import functools\n@functools.lru_cache\ndef f(): return 1\n" + SAME),
        Case(
            "a function brought in from another module",
            "from other import handler",
            files={"other.py": SAME},
        ),
        Case("a module-level __getattr__", "def __getattr__(name):\n    return lambda event, context: name"),
        Case(
            "module.Class.method",
            "class A:\n    @staticmethod\n    def run(event, context): return 1",
            handler="function.A.run",
            differs={"calls": Rule.NESTED_HANDLER},
        ),
        Case(
            "module.object.attribute",
            "class A:\n    def run(self, event, context): return 1\na = A()",
            handler="function.a.run",
            differs={"calls": Rule.NESTED_HANDLER},
        ),
        Case("async def", "async def handler(event, context): return event", differs={"calls": Rule.ASYNC}),
        Case(
            "a generator function",
            "def handler(event, context):\n    yield b'a'\n    yield b'b'",
            differs={"calls": Rule.STREAMING},
        ),
        Case("no dot", handler="handler", differs=FORM),
        Case("nothing before the dot", handler=".handler", differs=RAISED),
        Case("nothing after the dot", handler="function.", differs=INIT),
        Case("an interpreter's built-in module", handler="sys.exit", differs=INIT),
        Case("a module that is not there", handler="nowhere.handler", differs=INIT),
        Case("a name that is not there", handler="function.nothing", differs=INIT),
        Case("a name that is no function", "handler = 42", differs={"calls": Rule.CALLABLE}),
        Case("None as handler", "handler = None", differs={"calls": Rule.CALLABLE}),
    ),
)

LOADING = Group(
    "Errors while loading",
    (
        Case("an import that is missing in the function", "import nowhere", differs=IMPORT),
        Case("a name that is missing in an imported module", "from os import nowhere", differs=IMPORT),
        Case("a missing import two modules down", "import a", files={"a.py": "import nowhere"}, differs=IMPORT),
        Case("a syntax error", "def handler(event, context):\n    return (", differs=INIT),
        Case("a wrong indentation", "def handler(event, context):\nreturn 1", differs=INIT),
        Case("a syntax error in an imported module", "import a", files={"a.py": "1 +"}, differs=INIT),
        Case("an exception", "1 / 0", differs=RAISED),
        Case("an exception in a function", "def f():\n    raise ValueError('no')\nf()", differs=RAISED),
        Case("an exception of the function's own", "class Mine(Exception): pass\nraise Mine('é')", differs=RAISED),
        Case("a missing environment variable", "import os\nos.environ['NOT_THERE']", differs=RAISED),
        Case("SystemExit", "raise SystemExit(3)", differs={"calls": Rule.INIT_ERROR}),
        Case("KeyboardInterrupt", "raise KeyboardInterrupt", differs={"calls": Rule.INIT_ERROR}),
        Case("printed lines before an error", "print('before')\n1 / 0", differs=RAISED),
    ),
)
