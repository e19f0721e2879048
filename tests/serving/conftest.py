"""A server of a small model that nobody trained."""

import threading
import time
from contextlib import contextmanager

import pytest

from transfer.serve_cli import build_server, listening_socket
from transfer.serving.limits import Limits


@pytest.fixture(scope="session")
def serving(model_file):
    """Return a context in which the model is served at the address that it gives."""

    @contextmanager
    def serve(**limits):
        listener = listening_socket("127.0.0.1", 0)
        server = build_server(model_file, Limits(**limits))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
        listener.close()

    return serve
