"""The proxy fails as it is told, and works again once it is healed."""

from __future__ import annotations

import socketserver
import threading

import httpx
import pytest

from .proxy import Proxies


class Server(socketserver.BaseRequestHandler):
    """Answers HTTP requests without a body."""

    def handle(self):
        self.request.recv(65_536)
        self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")


@pytest.fixture
def proxies():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        with Proxies({"s3": lambda: server.server_address[1]}) as running:
            yield running
        server.shutdown()
        thread.join()


@pytest.fixture
def get(proxies):
    with httpx.Client(base_url=f"http://127.0.0.1:{proxies['s3'].port}", timeout=2, trust_env=False) as client:
        yield lambda timeout=2: client.get("/", timeout=timeout)


def test_bytes_pass(get):
    assert get().text == "hello"


def test_a_cut_connection_fails_until_it_is_healed(proxies, get):
    proxies.call(proxies["s3"].cut())
    with pytest.raises(httpx.TransportError):
        get()
    proxies.call(proxies["s3"].heal())
    assert get().text == "hello"


def test_a_stalled_connection_is_silent_until_it_is_healed(proxies, get):
    proxies.call(proxies["s3"].stall())
    with pytest.raises(httpx.ReadTimeout):
        get(timeout=0.2)
    proxies.call(proxies["s3"].heal())
    assert get().text == "hello"


@pytest.mark.parametrize("status", [403, 500, 503])
def test_requests_are_answered_with_an_error_of_the_store(proxies, get, status):
    proxies.call(proxies["s3"].answer(status))
    answer = get()
    assert answer.status_code == status
    assert "<Code>" in answer.text
    proxies.call(proxies["s3"].heal())
    assert get().status_code == 200
