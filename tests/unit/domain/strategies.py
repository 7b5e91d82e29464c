"""Values of the domain for property tests, kept small: few keys, so that two specs have much in common."""

from hypothesis import strategies as st

from opstwin.domain.values import Json

texts = st.sampled_from(["", "a", "1", "true", "é", "\n", '"', "\\", "☃", "\x00", "\u2028", "image"])
numbers = st.sampled_from([0, 1, -1, 2**53, 0.0, 1.0, 0.5, 1e300])
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
keys = st.sampled_from(["", "a", "b", "c", "a.b", "☃"])
json_values: st.SearchStrategy[Json] = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=6,
)
specs = st.dictionaries(keys, json_values, max_size=4)
