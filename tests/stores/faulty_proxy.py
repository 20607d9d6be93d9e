"""An HTTP proxy in front of an S3 server which does what networks and busy servers do, by a seed.

    with FaultyProxy(ceph.port, seed=7, shares={"lost": 0.05}, latency=0.01) as proxy:
        ... -r s3:{proxy.url}/bucket ...

It hands the Host header on as it came, since signatures cover it: the server must answer to any name.
"""
import contextlib
import http.client
import random
import socket
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass
from email.utils import formatdate

SILENCE_SECONDS_MAX = 60

# What may happen to a request; a share of each is given to the proxy.
FAULTS = {
    "refused": "the connection breaks before the server has the request",
    "lost": "the server has done it, and the connection breaks instead of an answer",
    "cut-request": "the connection breaks in the middle of the request's body",
    "cut-answer": "the connection breaks in the middle of the answer's body",
    "500": "an answer: 500 InternalError",
    "503": "an answer: 503 SlowDown, Retry-After: 1",
    "skewed": "an answer: 403 RequestTimeTooSkewed, though the clock is right",
    "torn-listing": "half of a listing, with status 200 and the length of the half",
}
ANSWERS = {"500": (500, "InternalError", {}), "503": (503, "SlowDown", {"Retry-After": "1"}),
           "skewed": (403, "RequestTimeTooSkewed", {})}


@dataclass
class Request:
    method: str
    target: str  # as it came: path and query, encoded
    headers: list
    body: bytes

    @property
    def kind(self):
        """LIST, or the method."""
        return "LIST" if self.method == "GET" and "list-type=2" in self.target else self.method

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


@dataclass
class Answer:
    status: int
    headers: list
    body: bytes

    @classmethod
    def failure(cls, status, code, headers):
        body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>says the proxy</Message></Error>'.encode()
        headers = {"Content-Type": "application/xml", "Date": formatdate(usegmt=True), **headers}
        return cls(status, list(headers.items()), body)


class Broken(Exception):
    """The connection is to be reset."""


class FaultyProxy:
    """On 127.0.0.1. `requests` counts by kind, `faults` by name; bytes are those of bodies."""

    def __init__(self, port, seed=0, shares=None, latency=0.0):
        unknown = set(shares or {}) - set(FAULTS)
        assert not unknown, unknown
        self.server_port, self.shares, self.latency = port, shares or {}, latency  # seconds, each way
        self.requests, self.faults, self.bytes_up, self.bytes_down = Counter(), Counter(), 0, 0
        self._dice, self._lock, self._hooks = random.Random(seed), threading.Lock(), []
        self._clients = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def when(self, kind, number, call):
        """Calls once, when so many requests of a kind, or more, have come since the proxy was made; before it goes on."""
        self._hooks.append((kind, number, call))

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # What one that is stranger still may do.

    def instead(self, request):  # pylint: disable=unused-argument
        """An Answer that the server is not asked for, or None."""
        return None

    def changed(self, request, answer):  # pylint: disable=unused-argument
        """What becomes of the server's answer."""
        return answer

    # One thread a connection.

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        client.settimeout(SILENCE_SECONDS_MAX)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._clients.add(client)
        server = http.client.HTTPConnection("127.0.0.1", self.server_port, timeout=SILENCE_SECONDS_MAX)
        try:
            with client.makefile("rb") as reader:
                while self._exchange(client, reader, server):
                    pass
        except (OSError, http.client.HTTPException, Broken):
            with contextlib.suppress(OSError):  # so that closing it resets it
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            with self._lock:
                self._clients.discard(client)
            server.close()
            client.close()

    def _exchange(self, client, reader, server):
        """One request and its answer. False: the client has no more."""
        head = _read_head(reader)
        if head is None:
            return False
        method, target, headers = head
        request = Request(method, target, headers, b"")
        fault = self._begin(request.kind)
        time.sleep(self.latency)
        if fault == "refused":
            raise Broken
        request.body = reader.read(int(request.header("content-length") or 0))
        answer = Answer.failure(*ANSWERS[fault]) if fault in ANSWERS else self.instead(request)
        if answer is None:
            answer = self.changed(request, self._forward(request, server, fault))
        time.sleep(self.latency)
        self._give(client, request, answer, fault)
        with self._lock:
            self.bytes_up += len(request.body)
            self.bytes_down += len(answer.body)
        return True

    def _begin(self, kind):
        """Counts the request, calls who waits for it, and throws the dice: the fault, or None."""
        with self._lock:
            self.requests[kind] += 1
            due = [hook for hook in self._hooks if hook[0] == kind and hook[1] <= self.requests[kind]]
            self._hooks = [hook for hook in self._hooks if hook not in due]
            fault, rest = None, self._dice.random()
            for name, share in self.shares.items():
                fits = {"torn-listing": kind == "LIST", "cut-request": kind == "PUT", "cut-answer": kind in ("GET", "LIST"),
                        "skewed": kind != "HEAD"}.get(name, True)  # an answer to HEAD has no body: it would say no more than 403
                if fits and 0 <= rest < share:
                    fault = name
                rest -= share
            if fault:
                self.faults[fault] += 1
        for _, _, call in due:
            call()
        return fault

    def _forward(self, request, server, fault):
        server.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers:
            if name.lower() != "connection":
                server.putheader(name, value)
        server.endheaders()
        if fault == "cut-request":
            server.send(request.body[:len(request.body) // 2])
            raise Broken
        server.send(request.body)
        answer = server.getresponse()
        body = answer.read()
        if fault == "lost":
            raise Broken
        own = ("connection", "keep-alive", "transfer-encoding", *([] if request.method == "HEAD" else ["content-length"]))
        return Answer(answer.status, [(k, v) for k, v in answer.getheaders() if k.lower() not in own], body)

    def _give(self, client, request, answer, fault):
        body = b"" if request.method == "HEAD" else answer.body
        if fault == "torn-listing":
            body = body[:len(body) // 2]
        headers = list(answer.headers)
        if request.method != "HEAD":
            headers.append(("Content-Length", str(len(body))))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        head = f"HTTP/1.1 {answer.status} {http.client.responses.get(answer.status, '')}\r\n{lines}\r\n".encode("latin-1")
        if fault == "cut-answer":
            client.sendall(head + body[:len(body) // 2])
            raise Broken
        client.sendall(head + body)


def _read_head(reader):
    """(method, target, [(name, value)]), or None where the connection has ended."""
    first = reader.readline(65536).decode("latin-1").split()
    if len(first) != 3:
        return None
    headers = []
    while (line := reader.readline(65536).decode("latin-1").strip()):
        name, _, value = line.partition(":")
        headers.append((name, value.strip()))
    return first[0], first[1], headers
