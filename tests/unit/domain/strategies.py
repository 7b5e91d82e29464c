"""Values of the domain for property tests."""

from hypothesis import strategies as st

from opstwin.domain.values import Json

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts
keys = st.sampled_from(["a", "b", "c", "image", "env", ""]) | texts
json_values: st.SearchStrategy[Json] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)
specs = st.dictionaries(keys, json_values, max_size=6)
