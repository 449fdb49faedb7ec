"""Each extension that the product says it has is there, and does what it is for; each absent one is not."""

import json
import tomllib
from pathlib import Path

import pytest

from builder.interpreters.php.product import read_extensions
from builder.plan.keys import read_materials
from tools.support.product import PRODUCT, ROOT

from .conftest import Php

if PRODUCT.interpreter == "php":
    EXTENSIONS = read_extensions(PRODUCT, read_materials(ROOT, ("products",)))
else:
    pytest.skip(f"{PRODUCT.name} is no PHP", allow_module_level=True)

WORKS = tomllib.loads(Path(__file__).with_name("extensions.toml").read_text(encoding="utf-8"))
"""Extension → code, and the JSON of what it returns."""


def names(php: Php, *options: str) -> list[str]:
    return list(json.loads(php("echo json_encode(get_loaded_extensions());", *options)))


def test_what_is_loaded_is_what_the_product_says(php: Php) -> None:
    assert sorted(names(php), key=str.lower) == sorted(EXTENSIONS.present, key=str.lower)


def test_no_absent_extension_is_there(php: Php) -> None:
    loaded = {name.lower() for name in names(php)}
    assert {name for name in EXTENSIONS.absent if name.lower() in loaded} == set()


def test_each_extension_has_its_line_in_the_table() -> None:
    assert set(WORKS) == set(EXTENSIONS.present)


@pytest.mark.parametrize("name", WORKS)
def test_an_extension_works(php: Php, name: str) -> None:
    code, expected = WORKS[name]["code"], json.loads(WORKS[name]["gives"])
    options = ("-dopcache.enable_cli=1",) if name == "Zend OPcache" else ()
    asked = f"echo json_encode((function () {{ {code} }})(), JSON_PRESERVE_ZERO_FRACTION);"
    assert json.loads(php(asked, *options)) == expected
