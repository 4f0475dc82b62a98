"""Real bare repositories over local HTTP: git's own http-backend behind a token check, with faults on demand."""

from __future__ import annotations

import base64
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TOKEN = "secret-of-the-test-4711"


class HttpRemote(ThreadingHTTPServer):
    """Serves every bare repository below `root`. Faults are plain attributes."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.before_receive: Callable[[], None] = lambda: None
        self.drop_after_receive = False
        self.drop_before_receive = False
        self.status_of_receive: int | None = None
        self.status_of_all: int | None = None
        self.redirect_to: str | None = None
        self.hang = threading.Event()
        self.hang.set()
        self.seen: list[str] = []

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HttpRemote

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        """Keep quiet."""

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b""
        while size := int(self.rfile.readline().strip(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _serve(self, body: bytes) -> None:
        server, receives = self.server, self.command == "POST" and self.path.endswith("git-receive-pack")
        server.seen.append(f"{self.command} {self.path}")
        server.hang.wait(30)
        pair = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {pair}":
            return self._answer(401, {"WWW-Authenticate": "Basic"}, b"no token")
        if server.redirect_to and server.redirect_to not in self.path:
            there = self.path.replace("/house.git", server.redirect_to)
            return self._answer(302, {"Location": f"http://localhost:{server.server_address[1]}{there}"}, b"")
        status = server.status_of_all or (server.status_of_receive if receives else None)
        if status:
            return self._answer(status, {}, f"echo {TOKEN}".encode())
        if receives and server.drop_before_receive:
            return self._cut()
        if receives:
            server.before_receive()
        head, _, answer = self._backend(body).partition(b"\r\n\r\n")
        if receives and server.drop_after_receive:
            return self._cut()
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        return self._answer(int(fields.pop("Status", "200").split()[0]), fields, answer)

    def _cut(self) -> None:
        self.close_connection = True

    def _backend(self, body: bytes) -> bytes:
        parts = urlsplit(self.path)
        env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "somebody",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        return subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False).stdout

    def _answer(self, status: int, fields: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def http_remote(root: Path) -> Iterator[HttpRemote]:
    server = HttpRemote(root)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.hang.set()
        server.shutdown()
        server.server_close()
        thread.join()
