"""builder.pins: what is not pinned is refused."""

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from builder.errors import BadPins
from builder.pins import load_pins

from .fakes import toml

SHA = "0123456789abcdef" * 4

NO_ZONE = datetime(2026, 8, 5, 12, 25)  # noqa: DTZ001 (that is what is wrong with it)

GOOD: dict[str, Any] = {
    "schema": 2,
    "sources": {
        "cpython": {
            "version": "3.13.15",
            "licence": "Python-2.0.1",
            "homepage": "https://www.python.org/",
            "date": datetime(2026, 8, 5, 12, 25, tzinfo=UTC),
            "archives": [{"file": "Python.tar.xz", "sha256": SHA, "size": 7, "url": "https://www.python.org/it"}],
        }
    },
}


def write(folder: Path, pins: dict[str, Any]) -> Path:
    path = folder / "pins.toml"
    path.write_text("".join(f"{key} = {toml(value)}\n" for key, value in pins.items()), encoding="utf-8")
    return path


def why_refused(folder: Path, pins: dict[str, Any]) -> str:
    with pytest.raises(BadPins) as caught:
        load_pins(write(folder, pins))
    return caught.value.why


def test_a_version_that_is_not_of_its_series_is_refused(tmp_path: Path, pins: dict[str, Any]) -> None:
    pins["sources"]["cpython"]["series"] = "3.1"
    assert "cpython 3.13.15 is not of series 3.1" in why_refused(tmp_path, pins)


@pytest.fixture
def pins() -> dict[str, Any]:
    """Good pins that a test may spoil."""
    return copy.deepcopy(GOOD)


@pytest.fixture
def archive(pins: dict[str, Any]) -> dict[str, Any]:
    """The only archive of these pins."""
    found: dict[str, Any] = pins["sources"]["cpython"]["archives"][0]
    return found


def test_the_repositorys_own_pins_are_complete() -> None:
    pins = load_pins()
    assert {
        "cpython-3.13",
        "cpython-3.14",
        "cpython-3.15",
        "openssl",
        "zlib",
        "bzip2",
        "xz",
        "zstd",
        "libffi",
        "sqlite",
        "tzdata",
        "ziglang",
    } <= pins.sources.keys()
    for series in ("3.13", "3.14", "3.15"):
        assert pins[f"cpython-{series}"].version.startswith(f"{series}.")


def test_the_compiler_is_pinned_once_for_each_machine_that_may_build() -> None:
    compiler = load_pins()["ziglang"]
    for machine in ("x86_64", "aarch64"):
        (archive,) = compiler.for_machine(machine)
        assert machine in archive.file


def test_two_archives_never_share_a_hash() -> None:
    hashes = [archive.sha256 for source in load_pins().sources.values() for archive in source.archives]
    assert len(set(hashes)) == len(hashes)


def test_good_pins_come_back_as_they_stand_in_the_file(tmp_path: Path, pins: dict[str, Any]) -> None:
    pins["sources"]["cpython"]["licence_files"] = ["LICENSE"]
    source = load_pins(write(tmp_path, pins))["cpython"]
    assert (source.key, source.name, source.version) == ("cpython", "cpython", "3.13.15")
    assert (source.licence, source.series, source.purpose) == ("Python-2.0.1", "3.13", "")
    assert source.licence_files == ("LICENSE",)
    assert source.date == datetime(2026, 8, 5, 12, 25, tzinfo=UTC)
    assert (source.archives[0].sha256, source.archives[0].size) == (SHA, 7)


def test_a_source_that_is_pinned_in_several_series_has_one_name(tmp_path: Path, pins: dict[str, Any]) -> None:
    good = pins["sources"].pop("cpython")
    for series in ("3.13", "3.14"):
        own = {"name": "cpython", "series": series, "version": f"{series}.1"}
        pins["sources"][f"cpython-{series}"] = {**copy.deepcopy(good), **own}
    loaded = load_pins(write(tmp_path, pins))
    found = {
        key: (source.key, source.name, source.series, source.raise_within) for key, source in loaded.sources.items()
    }
    assert found == {
        "cpython-3.13": ("cpython-3.13", "cpython", "3.13", "3.13"),
        "cpython-3.14": ("cpython-3.14", "cpython", "3.14", "3.14"),
    }


def test_a_source_may_be_for_tests_and_for_nothing_else_in_particular(tmp_path: Path, pins: dict[str, Any]) -> None:
    pins["sources"]["cpython"]["purpose"] = "tests"
    assert load_pins(write(tmp_path, pins))["cpython"].purpose == "tests"
    pins["sources"]["cpython"]["purpose"] = "fun"
    assert "cpython: purpose is 'fun', and may only be 'tests'" in why_refused(tmp_path, pins)


@pytest.mark.parametrize("wrong", [None, "", "abc", SHA.upper(), SHA + "0", SHA[:-1] + "g"])
def test_an_archive_without_a_proper_sha256_is_refused(
    tmp_path: Path, pins: dict[str, Any], archive: dict[str, Any], wrong: str | None
) -> None:
    del archive["sha256"]
    if wrong is not None:
        archive["sha256"] = wrong
    assert "Python.tar.xz has no sha256" in why_refused(tmp_path, pins)


@pytest.mark.parametrize("wrong", [None, 0, -1, 1.5, "7"])
def test_an_archive_without_a_size_is_refused(
    tmp_path: Path, pins: dict[str, Any], archive: dict[str, Any], wrong: object
) -> None:
    del archive["size"]
    if wrong is not None:
        archive["size"] = wrong
    assert "Python.tar.xz has no size" in why_refused(tmp_path, pins)


@pytest.mark.parametrize("key", ["version", "licence", "homepage"])
def test_a_source_without_version_licence_or_homepage_is_refused(
    tmp_path: Path, pins: dict[str, Any], key: str
) -> None:
    del pins["sources"]["cpython"][key]
    assert f"cpython has no {key}" in why_refused(tmp_path, pins)


@pytest.mark.parametrize("wrong", ["openssl", "cpe:2.3:a:openssl:openssl"])
def test_a_cpe_is_vendor_and_product(tmp_path: Path, pins: dict[str, Any], wrong: str) -> None:
    pins["sources"]["cpython"]["cpe"] = "python:python"
    assert load_pins(write(tmp_path, pins))["cpython"].cpe == "python:python"
    pins["sources"]["cpython"]["cpe"] = wrong
    assert "not vendor:product" in why_refused(tmp_path, pins)


def test_a_source_without_an_archive_is_refused(tmp_path: Path, pins: dict[str, Any]) -> None:
    pins["sources"]["cpython"]["archives"] = []
    assert "cpython has no archive" in why_refused(tmp_path, pins)


@pytest.mark.parametrize("url", ["http://example.org/x", "ftp://example.org/x", "file:///x"])
def test_a_url_that_is_not_https_is_refused(
    tmp_path: Path, pins: dict[str, Any], archive: dict[str, Any], url: str
) -> None:
    archive["url"] = url
    assert f"{url} is not https" in why_refused(tmp_path, pins)


def test_an_archive_to_which_no_way_leads_is_refused(
    tmp_path: Path, pins: dict[str, Any], archive: dict[str, Any]
) -> None:
    del archive["url"]
    assert "Python.tar.xz has no way to it" in why_refused(tmp_path, pins)


@pytest.mark.parametrize(("way", "text"), [("debian", "python3.13"), ("pypi", "cpython"), ("pypi", "cpython=1")])
def test_a_package_without_a_version_is_refused(
    tmp_path: Path, pins: dict[str, Any], archive: dict[str, Any], way: str, text: str
) -> None:
    archive[way] = text
    assert f"{text} names no version" in why_refused(tmp_path, pins)


@pytest.mark.parametrize("file", ["", "../x", "a/b", ".hidden", "a b"])
def test_a_file_name_that_could_leave_the_cache_is_refused(
    tmp_path: Path, pins: dict[str, Any], archive: dict[str, Any], file: str
) -> None:
    archive["file"] = file
    assert f"bad file name {file!r}" in why_refused(tmp_path, pins)


def test_several_forms_need_a_hash_over_the_files_consumed(
    tmp_path: Path, pins: dict[str, Any], archive: dict[str, Any]
) -> None:
    source = pins["sources"]["cpython"]
    source["archives"].append({**archive, "sha256": SHA[::-1]})
    assert "several forms" in why_refused(tmp_path, pins)
    source["consumed"] = {"files": ["*.c"], "sha256": SHA}
    loaded = load_pins(write(tmp_path, pins))["cpython"]
    assert loaded.consumed is not None
    assert loaded.consumed.files == ("*.c",)


def test_archives_for_different_machines_are_not_several_forms(
    tmp_path: Path, pins: dict[str, Any], archive: dict[str, Any]
) -> None:
    other = {**archive, "sha256": SHA[::-1], "machine": "aarch64"}
    archive["machine"] = "x86_64"
    pins["sources"]["cpython"]["archives"].append(other)
    loaded = load_pins(write(tmp_path, pins))["cpython"]
    assert [found.sha256 for found in loaded.for_machine("aarch64")] == [SHA[::-1]]


@pytest.mark.parametrize("consumed", [{"files": [], "sha256": SHA}, {"files": ["*.c"]}, {"sha256": SHA}])
def test_consumed_needs_files_and_their_hash(tmp_path: Path, pins: dict[str, Any], consumed: dict[str, Any]) -> None:
    pins["sources"]["cpython"]["consumed"] = consumed
    assert "consumed needs files and their sha256" in why_refused(tmp_path, pins)


@pytest.mark.parametrize("date", ["2026-08-05", NO_ZONE, 2026])
def test_a_date_without_its_time_zone_is_refused(tmp_path: Path, pins: dict[str, Any], date: object) -> None:
    pins["sources"]["cpython"]["date"] = date
    assert "cpython has a date without time and zone" in why_refused(tmp_path, pins)


@pytest.mark.parametrize("schema", [0, 1, "2"])
def test_an_unknown_schema_is_refused(tmp_path: Path, pins: dict[str, Any], schema: object) -> None:
    pins["schema"] = schema
    assert f"schema is {schema!r}" in why_refused(tmp_path, pins)


def test_a_word_that_the_loader_does_not_know_is_refused(
    tmp_path: Path, pins: dict[str, Any], archive: dict[str, Any]
) -> None:
    archive["sha512"] = "x"
    assert "sha512" in why_refused(tmp_path, pins)


def test_a_file_without_its_table_is_refused(tmp_path: Path, pins: dict[str, Any]) -> None:
    del pins["sources"]
    assert "sources" in why_refused(tmp_path, pins)


def test_what_is_not_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pins.toml"
    path.write_text("schema = \n", encoding="utf-8")
    with pytest.raises(BadPins, match="not TOML"):
        load_pins(path)


def test_all_problems_are_listed_at_once(tmp_path: Path, pins: dict[str, Any], archive: dict[str, Any]) -> None:
    pins["schema"] = 9
    del pins["sources"]["cpython"]["licence"]
    del archive["sha256"]
    del archive["size"]
    archive["url"] = "http://example.org/"
    why = why_refused(tmp_path, pins)
    for problem in ("schema is 9", "no licence", "no sha256", "no size", "not https"):
        assert problem in why


def test_the_error_names_the_file_and_what_to_do(tmp_path: Path, pins: dict[str, Any]) -> None:
    pins["schema"] = 9
    with pytest.raises(BadPins) as caught:
        load_pins(write(tmp_path, pins))
    assert str(tmp_path / "pins.toml") in caught.value.what
    assert caught.value.do
