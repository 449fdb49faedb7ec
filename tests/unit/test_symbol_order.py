"""tools.training.symbol_order: what a linker's map and a trace of accesses say together."""

from tools.training.symbol_order import Symbol, order, read_map

MAP = """\
             VMA              LMA     Size Align Out     In      Symbol
          200300           200300       40     4 .rodata
          200300           200300       28     4         libz.a(crc32.o):(.rodata.crc_table)
          200300           200300       28     1                 crc_table
          692000           692000       60    16 .text
          692000           692000       55    16         Objects/abstract.o:(.text.PyObject_Type)
          692000           692000       55     1                 PyObject_Type
          692060           692060        0     1                 _etext
"""
SYMBOLS = [Symbol(0x200300, 0x28, "crc_table"), Symbol(0x692000, 0x55, "PyObject_Type")]


def test_a_maps_symbols_are_those_with_a_size_and_not_the_sections_they_are_in() -> None:
    assert read_map(MAP.splitlines()) == SYMBOLS


def test_names_stand_in_the_order_of_the_first_touch_each_once() -> None:
    assert order(SYMBOLS, [0x692054, 0x200300, 0x692000, 0x200327]) == ["PyObject_Type", "crc_table"]


def test_an_address_between_two_symbols_or_outside_is_nobodys() -> None:
    assert order(SYMBOLS, [0x200328, 0x692055, 0x2002FF, 0x7FFF00000000]) == []
