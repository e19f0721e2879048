"""WAV files whose audio is not all there, by their header alone."""

import io

import numpy as np
import pytest
import soundfile

from transfer.data.riff import missing_audio


def wav(seconds=1.0, subtype="PCM_16", channels=1):
    file = io.BytesIO()
    soundfile.write(file, np.zeros((int(8000 * seconds), channels)), 8000, format="WAV", subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "ULAW"])
def test_a_whole_file_misses_nothing_and_half_of_it_does(subtype):
    whole = wav(subtype=subtype, channels=2)
    assert missing_audio(io.BytesIO(whole)) == ""
    assert missing_audio(io.BytesIO(whole + b"what follows the audio")) == ""
    assert missing_audio(io.BytesIO(whole[: len(whole) // 2])).startswith("cut off (")


def test_a_few_bytes_and_lengths_that_nobody_knew_are_let_pass():
    whole = bytearray(wav())
    assert missing_audio(io.BytesIO(whole[:-36])) == ""
    at = whole.index(b"data") + 4
    for unknown in (0xFFFFFFFF, 0x7FFFFFFF - 36, 0):
        whole[at : at + 4] = unknown.to_bytes(4, "little")
        assert missing_audio(io.BytesIO(whole)) == ""
    whole[at : at + 4] = (3_000_000_000).to_bytes(4, "little")
    assert missing_audio(io.BytesIO(whole)) == "cut off (16000 of 3000000000 bytes)"


def test_no_header_makes_it_fail_or_look_for_long():
    head = wav()[:12]
    for data in (
        b"",
        b"text",
        b"RIFF",
        head,
        head + b"fmt ",
        head + b"fmt \xff\xff\xff\xff",
        head + bytes(8) * 100_000,
    ):
        assert missing_audio(io.BytesIO(data)) == ""
    lying = bytearray(wav())
    lying[28:32] = b"\xff\xff\xff\xff"  # bytes a second, which decide what is let pass
    big = lying[:44] + bytes(100_000)
    big[40:44] = (1_000_000).to_bytes(4, "little")
    assert missing_audio(io.BytesIO(big)).startswith("cut off")
