"""Developer tasks. No logic: each session installs its locked requirements and runs one command."""

import hashlib
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "tests"]
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "virtualenv"  # it includes pip, which fetches wheels

LAYER_REQUIREMENTS = (
    *("conformance", "functions", "in_container", "libraries", "popular", "pyperformance", "suites", "wheels"),
)
"""Requirements for the layer's own Python, not for the tools'; each series has its locks in ``requirements/3.13/``."""
SERIES = tuple(sorted(path.name for path in Path("requirements").glob("[0-9]*")))
"""Those for which packages are locked; a folder ``requirements/3.15/`` adds one."""
EXAMPLES_SERIES = "3.14"
"""Whose layer the examples use: the default product's."""


def install(session: nox.Session, name: str) -> None:
    """Installs ``requirements/<name>.txt``, unless the environment was made from exactly that file."""
    locked = Path("requirements", f"{name}.txt")
    digest = hashlib.sha256(locked.read_bytes()).hexdigest()
    stamp = Path(session.virtualenv.location, "requirements.sha256")
    if not stamp.exists() or stamp.read_text() != digest:
        session.install("--quiet", "--require-hashes", "--requirement", str(locked))
        stamp.write_text(digest)


@nox.session
def build_layer(session: nox.Session) -> None:
    """Build the layer: dist/cpython-<version>-<arch>.zip and its manifest. `-- --plan` shows what would be done."""
    install(session, "build")
    session.run("python", "-m", "builder", "build-layer", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Build the layer if necessary, and test it, the builder and the runtime loop. `-- tests/unit` runs a part."""
    install(session, "tests")
    if not session.posargs:
        session.run("python", "-m", "builder", "build-layer")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def conformance(session: nox.Session) -> None:
    """Run the same cases on the loop and on awslambdaric, print the differences, write docs/conformance.md."""
    install(session, "tests")
    session.run("python", "-m", "tools.conformance", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the loop, `-- coldstart [--files | --cold-cache]`, `-- invoke`, the interpreter, or both: `-- memory`."""
    install(session, "bench")
    session.run("python", "-m", "tools.bench", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Run 200,000 invocations in one process; memory must not grow. `-- --repetitions 20000` for fewer."""
    install(session, "tests")
    session.run("python", "-m", "tools.bench", "soak", *session.posargs)


@nox.session
def train_profile(session: nox.Session) -> None:
    """Train the profile that builds read, with an instrumented interpreter; needs mmdebstrap. `-- --libraries`."""
    install(session, "tests")
    session.run("python", "-m", "tools.training.profile", *session.posargs)


@nox.session
def symbol_order(session: nox.Session) -> None:
    """Regenerate the linker's symbol order from a traced start-up. Needs valgrind."""
    install(session, "tests")
    session.run("python", "-m", "builder", "build-layer")
    session.run("python", "-m", "tools.training.symbol_order")


@nox.session
def patches(session: nox.Session) -> None:
    """Write docs/patches.md; `-- --measure [NAME...]` first builds the product without each patch, and compares."""
    install(session, "tests")
    session.run("python", "-m", "tools.patches", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Write the pages that are made from code, docs/command-line.md and docs/manifest.md."""
    install(session, "tests")
    session.run("python", "-m", "tools.docs", *session.posargs)


@nox.session
def site(session: nox.Session) -> None:
    """Make a static site of the pages, in site/; a link that leads nowhere fails it."""
    install(session, "site")
    session.run("python", "-m", "tools.docs.site", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz the loop's HTTP reader for a minute; `-- --seconds 3600` for longer. Needs clang."""
    session.run("python", "-m", "tests.fuzz", *session.posargs)


@nox.session
def wheels(session: nox.Session) -> None:
    """Import the most downloaded packages in Debian 11; `-- --test-suites` runs libraries' own tests. docs/wheels.md"""
    install(session, "tests")
    session.run("python", "-m", "tools.wheels", *session.posargs)


@nox.session
def regrtest(session: nox.Session) -> None:
    """Run CPython's own tests on the layer in Debian 11; `-- test_ssl -j N`, `--part ci`, `--image NAME`."""
    install(session, "tests")
    session.run("python", "-m", "tools.regrtest", *session.posargs)


@nox.session
def prove_patches(session: nox.Session) -> None:
    """Compare CPython with and without its patches: fuzzed, with assertions and sanitizers; `-- --part ci` for less."""
    install(session, "tests")
    session.run("python", "-m", "tools.prove", *session.posargs)


@nox.session
def examples(session: nox.Session) -> None:
    """Run, lint and synthesise the examples; the CDK needs Node.js."""
    install(session, "examples")
    session.run("python", "-m", "pytest", *(session.posargs or ["tests/examples"]))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types and workflows."""
    install(session, "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    for series in SERIES:
        session.run("mypy", f"--python-version={series}", "runtime/python/layer_runtime", "runtime/python/awslambdaric")
    session.run("zizmor", "--offline", "--quiet", "--persona=auditor", ".github")


@nox.session
def reproduce(session: nox.Session) -> None:
    """Build twice from scratch, the second time in a different environment, and compare the bytes."""
    install(session, "build")
    session.run("python", "-m", "builder", "reproduce", *session.posargs)


@nox.session
def check_dist(session: nox.Session) -> None:
    """Compare what git tracks in dist/ with what this checkout gives; `-- --all` builds even what has not changed."""
    install(session, "build")
    session.run("python", "-m", "builder", "check-dist", *session.posargs)


@nox.session
def release(session: nox.Session) -> None:
    """Build each architecture twice from scratch, compare, put the result into dist/, and test it."""
    install(session, "tests")
    session.run("python", "-m", "builder", "release", *session.posargs)
    session.run("python", "-m", "builder", "build-layer")  # Tests use the store, which those two builds did not fill.
    session.run("python", "-m", "pytest")
    on_arm64 = ("tests/layer/test_zip.py", "tests/layer/test_interpreter.py")  # those that need no emulated system
    session.run("python", "-m", "pytest", *on_arm64, env={"STATIC_PYTHON_ARCH": "arm64"})


def run_in_container(session: nox.Session, *arguments: str) -> None:
    install(session, "tests")
    session.run("python", "-m", "tests.in_container", *arguments, *session.posargs)


@nox.session
def test_in_container(session: nox.Session) -> None:
    """Test the layer in a container, built if necessary: `-- --image NAME [--rootfs FILE] [pytest's options]`."""
    run_in_container(session)


@nox.session
def test_in_al2(session: nox.Session) -> None:
    """The same in Amazon Linux 2, the base of provided.al2."""
    run_in_container(session, "--image=al2")


@nox.session
def test_in_al2023(session: nox.Session) -> None:
    """The same in Amazon Linux 2023, the base of provided.al2023."""
    run_in_container(session, "--image=al2023")


@nox.session
def test_containers(session: nox.Session) -> None:
    """Test what the builder does with a container engine; needs one."""
    install(session, "tests")
    session.run("python", "-m", "pytest", *(session.posargs or ["tests/container"]))


@nox.session
def verify(session: nox.Session) -> None:
    """Check a zip or an image from anywhere against its manifest: `-- ZIP|IMAGE [--manifest FILE] [--rebuild]`."""
    install(session, "build")
    session.run("python", "-m", "builder", "verify", *session.posargs)


@nox.session
def store(session: nox.Session) -> None:
    """See what the cache folder takes, `-- size`; take away what is old, `-- prune [--keep N | --older-than DAYS]`."""
    install(session, "build")
    session.run("python", "-m", "builder", "store", *session.posargs)


@nox.session
def audit_cves(session: nox.Session) -> None:
    """Look for known vulnerabilities of what is in the layers, by their SBOMs: `-- [--database URL|PATH]`."""
    install(session, "build")
    session.run("python", "-m", "builder", "audit-cves", *session.posargs)


@nox.session
def update_pins(session: nox.Session) -> None:
    """Update pins to the newest versions, and compare their hashes from all origins: `-- [NAME...] [--dry-run]`."""
    install(session, "build")
    session.run("python", "-m", "builder", "update-pins", *session.posargs)


@nox.session
def download(session: nox.Session) -> None:
    """Download released zips into dist/ if they match the manifests there: `-- --from URL|DIR [--name NAME]`."""
    install(session, "build")
    session.run("python", "-m", "builder", "download", *session.posargs)


@nox.session
def invoke(session: nox.Session) -> None:
    """Run a function on the built layer under AWS's emulator: `-- --source DIR --handler mod.fn --event FILE|-`."""
    install(session, "build")
    session.run("python", "-m", "builder", "invoke", *session.posargs)


@nox.session
def package_function(session: nox.Session) -> None:
    """Zip a function, packages and their bytecode: `-- --source DIR [--requirements FILE] [--arch] [--output ZIP]`."""
    install(session, "build")
    session.run("python", "-m", "builder", "package-function", *session.posargs)


@nox.session
def build_image(session: nox.Session) -> None:
    """Write the layer as a container image: `-- [--base NAME|FILE] [--source DIR --handler mod.fn] [--arch]`."""
    install(session, "build")
    session.run("python", "-m", "builder", "build-image", *session.posargs)


@nox.session
def publish_layer(session: nox.Session) -> None:
    """Publish the layer, once per region: `-- --name NAME --region R1,R2 [--public] [--dry-run]`."""
    install(session, "publish")
    session.run("python", "-m", "builder.aws", "publish-layer", *session.posargs)


@nox.session
def deploy_function(session: nox.Session) -> None:
    """Create or update a function on the layer: `-- --function NAME --source DIR --handler mod.fn --role ARN`."""
    install(session, "publish")
    session.run("python", "-m", "builder.aws", "deploy-function", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Lock requirements/*.in and the examples', with hashes, each for the Python version that will use it."""
    install(session, "lock")
    folder = Path("requirements")
    tools = (path for path in sorted(folder.glob("*.in")) if path.stem not in LAYER_REQUIREMENTS)
    locks = [(source, source.with_suffix(".txt"), "3.11") for source in tools]
    for series in SERIES:
        locks += [(folder / f"{name}.in", folder / series / f"{name}.txt", series) for name in LAYER_REQUIREMENTS]
    examples = Path("examples").rglob("requirements*.in")
    locks += [(source, source.with_suffix(".txt"), EXAMPLES_SERIES) for source in examples]
    for source, locked, python in locks:
        command = (
            "uv",
            "pip",
            "compile",
            "--universal",
            f"--python-version={python}",
            "--generate-hashes",
            "--no-header",
        )
        locked.parent.mkdir(exist_ok=True)
        session.run(*command, "--quiet", f"--output-file={locked}", *session.posargs, str(source))
