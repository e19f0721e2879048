"""Connections that say nothing, or too little, over real sockets."""

import socket
import threading
import time
from contextlib import suppress

import pytest

HEALTH = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"


def silent(port, words=b""):
    peer = socket.create_connection(("127.0.0.1", port), timeout=20)
    peer.sendall(words)
    return peer


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"GET /health HTTP/1.1\r\nHost: a\r\n",
        HEALTH + b"GET /health HTTP/1.1\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n",
    ],
    ids=["nothing", "half a header", "half a second header", "a body that nobody wants"],
)
def test_who_does_not_say_what_is_wanted_is_hung_up_on_however_slowly_words_come(serving, words):
    with serving(greeting=0.5) as port, silent(port, words) as peer:
        peer.settimeout(0.1)
        heard, start = b"", time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() < start + 4:  # uvicorn's own limit, on silence between two requests, is 5 s
                with suppress(TimeoutError):
                    if (said := peer.recv(2000)) == b"":
                        break
                    heard += said
                peer.sendall(b"x")
        assert time.monotonic() < start + 4
        assert heard.count(b"HTTP/1.1 200") == words.count(b"\r\n\r\n")


def test_a_body_and_an_answer_may_take_longer_than_a_header(serving):
    with serving(greeting=0.2) as port, silent(port) as peer:
        peer.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nRI")
        threading.Event().wait(0.6)
        peer.sendall(b"FF")
        assert peer.recv(2000).startswith(b"HTTP/1.1 422")


def test_silent_connections_of_one_address_keep_nobody_out(serving):
    with serving(per_address=3, greeting=0.5) as port:
        peers = [silent(port) for _ in range(3)]
        with silent(port) as refused:
            assert refused.recv(2000).startswith(b"HTTP/1.1 503")
        with socket.create_connection(("127.0.0.1", port), timeout=20, source_address=("127.0.0.2", 0)) as other:
            other.sendall(HEALTH)
            assert other.recv(2000).startswith(b"HTTP/1.1 200"), "another address is another matter"
        for peer in peers:
            assert peer.recv(1) == b""
            peer.close()
        with silent(port, HEALTH) as peer:
            assert peer.recv(2000).startswith(b"HTTP/1.1 200")
