"""Columns of numbers: what is packed comes back bit for bit, and small."""

import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opstwin.metrics.numbers import MOST_DECIMALS, decimals_at, floats_of, ints_of, packed_floats, packed_ints
from opstwin.metrics.units import Part, Unit, packed

ANY_BITS = st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])
DECIMAL = st.tuples(st.integers(-(2**40), 2**40), st.integers(0, 8)).map(lambda pair: pair[0] / 10 ** pair[1])
FLOATS = st.one_of(st.floats(), ANY_BITS, DECIMAL, st.sampled_from([0.0, -0.0, 1e300, 5e-324, 2.0**53, 2.0**53 + 2]))


def bits(values: "array[float]") -> bytes:
    return values.tobytes()


@given(st.lists(FLOATS, min_size=1, max_size=60), st.integers(0, MOST_DECIMALS))
def test_any_floats_come_back_bit_for_bit(values: list[float], guess: int) -> None:
    data, _ = packed_floats(values, guess)
    found, end = floats_of(b"?" + data + b"!", 1, len(values))
    assert bits(found) == bits(array("d", values))
    assert end == 1 + len(data)


@given(st.lists(DECIMAL, min_size=1, max_size=40))
def test_decimals_come_back_bit_for_bit(values: list[float]) -> None:
    data, decimals = packed_floats(values)
    assert bits(floats_of(data, 0, len(values))[0]) == bits(array("d", values))
    assert decimals_at(data, 0) in (decimals, None)


@given(st.lists(st.integers(-(2**60), 2**60), min_size=1, max_size=60))
def test_any_whole_numbers_come_back(values: list[int]) -> None:
    data = packed_ints(values)
    assert ints_of(data, 0, len(values)) == (values, len(data))


def test_what_rises_evenly_takes_no_room_whatever_its_length() -> None:
    assert len(packed_ints(range(1_767_600_000_000, 1_767_650_000_000, 5_000))) < 20
    assert len(packed_floats([42.5] * 10_000)[0]) < 20


@given(
    st.dictionaries(st.integers(1, 500), st.lists(FLOATS, min_size=1, max_size=8), min_size=1, max_size=12),
    st.integers(0, 2**42),
)
def test_a_unit_brings_back_every_series(series: dict[int, list[float]], begin: int) -> None:
    parts = {
        key: Part([begin + 7 * n for n in range(len(values))], (array("d", values),)) for key, values in series.items()
    }
    unit = Unit(packed(parts, {}))
    assert set(unit.series) == set(parts)
    for key, part in parts.items():
        found = unit.part(key)
        assert found is not None
        assert (list(found.times), bits(found.columns[0])) == (list(part.times), bits(part.columns[0]))
    assert unit.part(501) is None


@given(st.binary(max_size=200))
def test_what_is_no_unit_is_told_and_nothing_else_happens(data: bytes) -> None:
    with pytest.raises(ValueError, match="unit"):
        Unit(data)


@given(st.data())
def test_a_damaged_unit_is_told_or_read_and_never_breaks_anything(data: st.DataObject) -> None:
    import zlib

    whole = bytearray(zlib.decompress(packed({n: Part([1, 2, 3], (array("d", [n, 2.5, 3]),)) for n in range(4)}, {})))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        unit = Unit(zlib.compress(bytes(whole)))
        for key in unit.series:
            unit.part(key)
    except ValueError:
        pass
