"""builder.artifacts.tree: what stands where, with which mode, and where it comes from."""

from functools import partial
from pathlib import Path

import pytest

from builder.artifacts.deterministic_zip import EXECUTABLE, FILE, LINK, Entry
from builder.artifacts.tree import LayerTree, gather
from builder.interpreters.cpython import origins

LINKED = ("cpython", "zlib", "openssl")
BOOTSTRAP = b"#!/opt/bin/python3.13 -SPu\nstart()\n"


def put(path: Path, text: str = "", mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


@pytest.fixture
def tree_folder(tmp_path: Path) -> Path:
    root = tmp_path / "tree_folder"
    put(root / "bin" / "python3.13", "interpreter", 0o755)
    (root / "bin" / "python3").symlink_to("python3.13")
    put(root / "lib" / "python3.13" / "os.pyc", "os")
    put(root / "lib" / "python3.13" / "tzdata" / "zones", "zones")
    put(root / "lib" / "python3.13" / "tzdata-2026.6.dist-info" / "METADATA", "tzdata")
    put(root / "share" / "licenses" / "zlib" / "LICENSE", "licence")
    put(root / "step.json", "{}")
    return root


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    put(tmp_path / "runtime" / "layer_runtime" / "main.py", "main")
    return tmp_path / "runtime"


def gather_all(tree_folder: Path, runtime: Path) -> LayerTree:
    return gather(tree_folder, runtime, BOOTSTRAP, partial(origins, linked=LINKED))


def gathered(tree_folder: Path, runtime: Path) -> dict[str, Entry]:
    entries = gather_all(tree_folder, runtime).entries
    found = {entry.path: entry for entry in entries}
    assert len(found) == len(entries)
    return found


def test_the_tree_stands_at_the_root_and_the_loop_below_runtime(tree_folder: Path, runtime: Path) -> None:
    assert set(gathered(tree_folder, runtime)) == {
        "bootstrap",
        "bin/python3",
        "bin/python3.13",
        "lib/python3.13/os.pyc",
        "lib/python3.13/tzdata/zones",
        "lib/python3.13/tzdata-2026.6.dist-info/METADATA",
        "runtime/layer_runtime/main.py",
        "share/licenses/zlib/LICENSE",
    }


def test_bootstrap_is_what_was_given_and_executable(tree_folder: Path, runtime: Path) -> None:
    assert gathered(tree_folder, runtime)["bootstrap"] == Entry("bootstrap", BOOTSTRAP, EXECUTABLE)


@pytest.mark.parametrize(
    ("on_disk", "in_the_layer"),
    [(0o755, EXECUTABLE), (0o700, EXECUTABLE), (0o4775, EXECUTABLE), (0o644, FILE), (0o600, FILE), (0o611, FILE)],
    ids=oct,
)
def test_the_owners_right_to_execute_decides_the_mode(
    tree_folder: Path, runtime: Path, on_disk: int, in_the_layer: int
) -> None:
    put(tree_folder / "lib" / "file", mode=on_disk)
    assert gathered(tree_folder, runtime)["lib/file"].mode == in_the_layer


def test_links_stay_links_to_files_to_folders_and_to_nothing(tree_folder: Path, runtime: Path) -> None:
    (tree_folder / "lib" / "python3").symlink_to("python3.13")
    (tree_folder / "lib" / "lost").symlink_to("../nowhere")
    found = gathered(tree_folder, runtime)
    assert found["bin/python3"] == Entry("bin/python3", b"python3.13", LINK)
    assert found["lib/python3"] == Entry("lib/python3", b"python3.13", LINK)
    assert found["lib/lost"] == Entry("lib/lost", b"../nowhere", LINK)
    assert "lib/python3/os.pyc" not in found


def test_only_the_stores_own_record_is_left_out(tree_folder: Path, runtime: Path) -> None:
    put(tree_folder / "lib" / "step.json")
    assert "lib/step.json" in gathered(tree_folder, runtime)


def test_contents_are_bytes_as_they_are(tree_folder: Path, runtime: Path) -> None:
    content = bytes(range(256)) + b"\r\n"
    (tree_folder / "lib" / "file").write_bytes(content)
    assert gathered(tree_folder, runtime)["lib/file"].content == content


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("bootstrap", ("runtime",)),
        ("runtime/layer_runtime/main.py", ("runtime",)),
        ("bin/python3.13", (*LINKED, "runtime")),
        ("bin/python3", (*LINKED, "runtime")),
        ("lib/python3.13/os.pyc", ("cpython",)),
        ("lib/python3.13/tzdata/zones", ("tzdata",)),
        ("lib/python3.13/tzdata-2026.6.dist-info/METADATA", ("tzdata",)),
        ("share/licenses/zlib/LICENSE", ("zlib",)),
    ],
)
def test_every_entry_knows_where_it_comes_from(
    tree_folder: Path, runtime: Path, path: str, origin: tuple[str, ...]
) -> None:
    tree = gather_all(tree_folder, runtime)
    assert tree.origins[path] == origin
    assert set(tree.origins) == {entry.path for entry in tree.entries}


def test_only_what_is_not_the_same_everywhere_is_asked_of_the_plug_in(tree_folder: Path, runtime: Path) -> None:
    asked: list[str] = []

    def origin(path: str) -> tuple[str, ...]:
        asked.append(path)
        return ("whatever",)

    tree = gather(tree_folder, runtime, BOOTSTRAP, origin)
    assert {path.partition("/")[0] for path in asked} == {"bin", "lib"}
    assert {tree.origins[path] for path in asked} == {("whatever",)}
