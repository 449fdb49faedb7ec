"""tools.bench.size: turns the linker's map and a manifest into a tree."""

from collections import Counter
from pathlib import Path

import pytest

from builder.fetch import file_sha256
from tools.bench.size import lines, link_map_of, sizes, write_treemap
from tools.support.product import PRODUCT, TARGET, Layer
from tools.training.symbol_order import RESULT, read_map

MAP = """\
             VMA              LMA     Size Align Out     In      Symbol
          385000           385000      300    16 .text
          385000           385000      100    16         Objects/python.lto.dictobject.o:(.text.dict_get)
          385000           385000       f0     1                 dict_get
          385100           385100       80    16         Modules/expat/python.lto.libexpat.a(xmltok.o at 3420).o:(.text)
          385180           385180       40    16         ../deps/openssl/lib/libcrypto.a(libcrypto-lib-evp.o):(.text)
          3851c0           3851c0       20     1         /somewhere/crt1.o:(.text)
          3851e0           3851e0       20     1         <internal>:(.eh_frame)
          386000           386000     1000    16 .bss
          386000           386000     1000    16         Objects/dictobject.o:(.bss.keys)
"""
MANIFEST = {
    "entries": [
        {"path": "bin/python", "size": 10},
        {"path": "bin/python3.13", "size": 0x300},
        {"path": "lib/python3.13/json/decoder.pyc", "size": 4},
    ]
}


def found() -> dict[tuple[str, ...], int]:
    return dict(sizes(MANIFEST, MAP.splitlines()))


def test_each_byte_of_the_layer_is_attributed_to_its_source_and_module() -> None:
    python = "bin/python3.13"
    assert found() == {
        ("bin", "python"): 10,
        (python, "cpython", "Objects", "dictobject"): 0x100,
        (python, "cpython", "libexpat.a", "xmltok"): 0x80,
        (python, "openssl", "libcrypto.a", "libcrypto-lib-evp"): 0x40,
        (python, "linker"): 0x300 - 0x1C0,
        ("lib", "python3.13", "json", "decoder"): 4,
    }


def test_the_largest_come_first_and_the_smallest_are_omitted() -> None:
    shown = [line.split()[-1] for line in lines(found(), 0.05)]
    assert shown[:5] == ["layer", "bin/python3.13", "cpython", "Objects", "dictobject"]
    assert "json" not in shown
    assert "json" in [line.split()[-1] for line in lines(found(), 0)]


def test_the_treemap_is_a_page_with_every_node(tmp_path: Path) -> None:
    write_treemap(Counter(found()), tmp_path / "layer.html")
    page = (tmp_path / "layer.html").read_text(encoding="utf-8")
    assert "libcrypto-lib-evp" in page
    assert "decoder" in page


@pytest.mark.skipif(not PRODUCT.trained, reason="the product is not trained yet")
def test_the_interpreter_has_the_symbols_of_the_symbol_order(layer: Layer) -> None:
    python = layer.root / "bin" / TARGET.executable
    ordered = {line for line in RESULT.read_text(encoding="utf-8").splitlines() if not line.startswith("#")}
    linked = {symbol.name for symbol in read_map(link_map_of(file_sha256(python)))}
    assert len(ordered - linked) < len(ordered) / 50, "./nox -s symbol_order"
