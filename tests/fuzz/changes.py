"""Good examples, damaged by hypothesis: cut, doubled, mixed, with words of their language or wild bytes put in."""

from hypothesis import strategies as st

WILD = (b"\0", b"\xff", b"\n", b"\r", b"9" * 40, b"-", b"'", b'"', b"\xe2\x80\xae", b"\xed\xa0\x80", b"1e999", b"nan")


@st.composite
def changed(draw, seeds, words=()):
    """Draw a seed and change it in up to eight places."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 8))):
        start = draw(st.integers(0, max(len(data) - 1, 0)))
        length = draw(st.sampled_from([0, 0, 1, 1, 2, 8, 40, 400]))
        kind = draw(st.sampled_from(["word", "cut", "double", "bytes", "mix", "flip"]))
        if kind == "word":
            data = data[:start] + draw(st.sampled_from([*words, *WILD])) + data[start + length :]
        elif kind == "cut":
            data = data[:start] + data[start + length + 1 :]
        elif kind == "double":
            data = data[:start] + data[start : start + length] * 2 + data[start + length :]
        elif kind == "bytes":
            data = data[:start] + draw(st.binary(max_size=6)) + data[start + length :]
        elif kind == "mix":
            other = draw(st.sampled_from(seeds))
            data = data[:start] + other[draw(st.integers(0, len(other))) :]
        elif data:
            data = data[:start] + bytes([data[start] ^ 1 << draw(st.integers(0, 7))]) + data[start + 1 :]
    return data[:20_000]
