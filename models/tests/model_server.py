"""A web server that breaks connections on demand and can answer like the hub."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee" + "0" * 34
REPOSITORY = "somebody/whisper-toy"


class FileServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.break_after: list[int] = []
        """Bytes that each of the next answers sends before its connection breaks."""
        self.ranges: list[str | None] = []
        self.requested: list[str] = []
        self.honours_ranges = True
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def publish(self, files: dict[str, bytes]) -> None:
        """Answer like a hub with one repository."""
        self.files = {f"/{REPOSITORY}/resolve/{COMMIT}/{name}": content for name, content in files.items()}
        siblings = [{"rfilename": name} for name in files]
        about = {"id": REPOSITORY, "sha": COMMIT, "siblings": siblings, "private": False, "tags": [], "downloads": 0}
        self.files[f"/api/models/{REPOSITORY}/revision/main"] = json.dumps(about).encode()
        tree = [
            {"type": "file", "path": name, "size": len(content), "oid": "0" * 40} for name, content in files.items()
        ]
        self.files[f"/api/models/{REPOSITORY}/tree/{COMMIT}"] = json.dumps(tree).encode()


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: object) -> None:
        """Keep stderr clean: tests read the command's output."""

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        self.server.requested.append(path)
        content = self.server.files.get(path)
        if content is None or self.server.status != 200:
            self.send_response(404 if content is None else self.server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        wanted = self.headers.get("Range") if self.server.honours_ranges else None
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        if body:
            self.server.ranges.append(self.headers.get("Range"))
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", f'"{hashlib.sha1(content, usedforsecurity=False).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if body:
            most = self.server.break_after.pop(0) if self.server.break_after else len(content)
            self.wfile.write(content[start : start + most])
            self.close_connection = True


@contextmanager
def serving() -> Iterator[FileServer]:
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
