"""A real server over real sockets: the command's probabilities, every limit, and no file that kills it."""

import http.client
import io
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import zipfile

import numpy as np
import pytest
import soundfile

from transfer import predict
from transfer.errors import UserError
from transfer.predicting import Predictor
from transfer.serve_cli import build_server, listening_socket
from transfer.serving.limits import Limits

NOISE = 0.1 * np.random.default_rng(0).standard_normal((80000, 2))


def encoded(samples=NOISE, rate=16000, form="WAV", **more):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=form, **more)
    return file.getvalue()


def ask(port, method, path, body=None, **headers):
    """Return status, headers and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
    finally:
        connection.close()
    is_json = answer.headers.get_content_type() == "application/json"
    return answer.status, answer.headers, json.loads(data) if is_json else data.decode()


@pytest.fixture(scope="module")
def port(serving):
    with serving(seconds=10, megabytes=1, per_minute=1000) as port:
        yield port


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG"])
@pytest.mark.parametrize("level", ["recording", "slice"])
def test_the_probabilities_are_those_of_the_command(form, level, port, model_file, tmp_path):
    data = encoded(form=form, rate=22050)
    (tmp_path / "a").write_bytes(data)
    table = predict(model_file, [tmp_path / "a"], level=level).table
    status, _, said = ask(port, "POST", f"/predict?level={level}", data)
    assert status == 200
    assert said["seconds"] == pytest.approx(80000 / 22050, abs=1e-3)
    assert len(said["predictions"]) == len(table)
    for row, (_, expected) in zip(said["predictions"], table.iterrows(), strict=True):
        assert row["decision"] == expected["decision"]
        assert list(row["probabilities"]) == ["calm", "not calm"]
        for name, p in row["probabilities"].items():
            assert p == pytest.approx(expected[f"p_{name}"], abs=1e-6)
    assert "no diagnosis" in said["notice"]


def test_hostile_files_are_refused_in_words_and_the_server_lives_on(port):
    huge = bytearray(encoded()[:1000])
    huge[4:8] = huge[40:44] = (3_000_000_000).to_bytes(4, "little")
    generator = np.random.default_rng(0)
    cases = [
        (b"", 422, "not a byte of audio"),
        (b"this is text", 422, "Format not recognised"),
        (generator.bytes(20000), 422, "not readable"),
        (encoded()[:5000], 422, "cut off"),
        (bytes(huge), 422, "cut off"),
        (encoded(form="FLAC")[:9000], 422, "not readable"),
        (encoded(np.zeros(16000)), 422, "silent"),
        (encoded(np.full(1600, np.nan), subtype="FLOAT"), 422, "not finite"),
        (encoded(np.full((20000, 8), 0.1), 192000), 422, "8 channels at 192000 Hz"),
        (encoded(np.full(16000 * 60, 0.1, np.float32), form="FLAC"), 422, "longer than the 10 s"),
        (b"\x80\x04\x95" + bytes(100), 422, "not readable"),
        (b"PK\x03\x04" + bytes(100), 422, "not readable"),
        (bytes(1_000_001), 413, "more than the 1 MB"),
    ]
    for data, expected, message in cases:
        status, _, said = ask(port, "POST", "/predict", data)
        assert (status, message in said["error"]) == (expected, True), said
        assert ask(port, "GET", "/health")[::2] == (200, {"status": "ok"})
    assert ask(port, "POST", "/predict", encoded())[0] == 200


def test_what_is_asked_wrongly_is_answered_so(port):
    assert ask(port, "POST", "/predict?level=subject", encoded())[::2] == (
        422,
        {"error": "level: Input should be 'slice' or 'recording'"},
    )
    assert ask(port, "GET", "/predict")[0] == 405
    assert ask(port, "GET", "/../etc/passwd")[0] == 404
    status, headers, _ = ask(port, "POST", "/predict", b"a", **{"Content-Length": "99999999999"})
    assert (status, headers["cache-control"]) == (413, "no-store")


def test_an_upload_without_a_length_is_limited_too(port):
    def chunks(size):
        for _ in range(size // 1000):
            yield b"3e8\r\n" + bytes(1000) + b"\r\n"
        yield b"0\r\n\r\n"

    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        peer.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for chunk in chunks(1_100_000):
            peer.sendall(chunk)
        assert peer.recv(1000).startswith(b"HTTP/1.1 413")


def test_a_client_that_leaves_in_the_middle_holds_no_place(serving):
    with serving(at_once=1, waiting=0) as port:
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
                peer.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nRIFF")
        status = 503
        for _ in range(100):
            if (status := ask(port, "POST", "/predict", encoded())[0]) == 200:
                break
            threading.Event().wait(0.05)
        assert status == 200


def test_a_slow_client_is_sent_away(serving):
    with serving(patience=0.2) as port, socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        peer.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nRIFF")
        answer = peer.recv(2000)
        assert answer.startswith(b"HTTP/1.1 408")
        assert ask(port, "GET", "/health")[0] == 200


def test_too_many_requests_are_told_when_to_come_again(serving):
    with serving(per_minute=2) as port:
        answers = [ask(port, "POST", "/predict", b"x") for _ in range(3)]
        assert [status for status, _, _ in answers] == [422, 422, 429]
        assert 25 <= int(answers[2][1]["retry-after"]) <= 30
        assert ask(port, "GET", "/health")[0] == 200


def test_no_more_are_inside_than_there_are_places(serving, monkeypatch):
    gate, inside, most = threading.Event(), [], []
    listen = Predictor.listen

    def slow(self, sound, **more):
        inside.append(1)
        most.append(len(inside))
        gate.wait(20)
        inside.pop()
        return listen(self, sound, **more)

    monkeypatch.setattr(Predictor, "listen", slow)
    with serving(at_once=2, waiting=1) as port:
        codes = []
        clients = [
            threading.Thread(target=lambda: codes.append(ask(port, "POST", "/predict", encoded())[0])) for _ in range(5)
        ]
        for client in clients:
            client.start()
        while len(codes) < 2 or len(inside) < 2:  # of five, three have a place, and two their turn
            threading.Event().wait(0.02)
        assert ask(port, "GET", "/health")[0] == 200, "answered while others compute"
        gate.set()
        for client in clients:
            client.join(20)
    assert sorted(codes) == [200, 200, 200, 503, 503]
    assert max(most) == 2


def test_metrics_count_what_was_asked(serving):
    with serving() as port:
        ask(port, "POST", "/predict", encoded())
        ask(port, "POST", "/predict", b"text")
        ask(port, "GET", "/somewhere")
        status, headers, text = ask(port, "GET", "/metrics")
    assert (status, headers.get_content_type()) == (200, "text/plain")
    values = dict(re.findall(r"^(\S+) (\S+)$", text, re.M))
    assert values['transfer_requests_total{path="/predict",status="200"}'] == "1.0"
    assert values['transfer_requests_total{path="/predict",status="422"}'] == "1.0"
    assert values['transfer_requests_total{path="other",status="404"}'] == "1.0"
    assert float(values["transfer_audio_seconds_total"]) == 5.0
    assert values["transfer_requests_in_progress"] == "0.0"
    assert values["transfer_predict_seconds_count"] == "2.0"
    assert "127.0.0.1" not in text


def test_a_mistake_of_the_server_tells_nothing_of_it_and_is_survived(serving, monkeypatch, capfd):
    def broken(self, sound, **more):
        raise RuntimeError("secret of the machine")

    with serving() as port:
        with monkeypatch.context() as patch:
            patch.setattr(Predictor, "listen", broken)
            status, _, said = ask(port, "POST", "/predict", encoded())
        assert (status, said) == (500, {"error": "the server made a mistake; it goes on"})
        assert ask(port, "POST", "/predict", encoded())[0] == 200
        assert 'path="/predict",status="500"} 1.0' in ask(port, "GET", "/metrics")[2]
    assert "secret of the machine" in capfd.readouterr().err, "told where the server runs"


def test_no_file_is_opened_for_audio(port, monkeypatch):
    import builtins
    import tempfile

    opened = []
    real = builtins.open
    monkeypatch.setattr(
        builtins, "open", lambda file, *more, **named: opened.append(file) or real(file, *more, **named)
    )
    monkeypatch.setattr(tempfile, "mkstemp", lambda *more, **named: pytest.fail("a temporary file"))
    assert ask(port, "POST", "/predict", encoded())[0] == 200
    assert opened == []


def test_the_model_says_what_it_takes_and_the_page_lets_nothing_else_run(port):
    status, _, said = ask(port, "GET", "/model")
    assert status == 200
    assert (said["name"], said["classes"], said["calibrated"]) == ("served", ["calm", "not calm"], False)
    assert said["limits"] == {"megabytes": 1, "seconds": 10, "per_minute": 1000}
    _, headers, page = ask(port, "GET", "/")
    assert "no diagnosis" in page
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page), "nothing comes from elsewhere"


def test_the_command_serves_until_it_is_interrupted(model_file):
    command = [sys.executable, "-m", "transfer", "serve", str(model_file), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline()
        port = int(re.search(r"http://127\.0\.0\.1:(\d+) ", line)[1])
        for _ in range(200):
            try:
                assert ask(port, "GET", "/health")[0] == 200
                break
            except OSError:
                threading.Event().wait(0.05)
        assert ask(port, "POST", "/predict", encoded())[0] == 200
        server.send_signal(signal.SIGINT)
        _, complaints = server.communicate(timeout=30)
    finally:
        server.kill()
    assert (server.returncode, complaints) == (0, "")


def test_a_taken_port_and_what_is_no_model_are_refused(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"cannot listen at 127.0.0.1:{port}.*choose another --port"):
            listening_socket("127.0.0.1", port)
    with pytest.raises(UserError, match="no model file"):
        build_server(tmp_path, Limits())
    with zipfile.ZipFile(tmp_path / "hostile.bundle", "w") as archive:
        archive.writestr("../weights.pkl", b"\x80\x04.")
    with pytest.raises(UserError, match="points outside the bundle"):
        build_server(tmp_path / "hostile.bundle", Limits())
