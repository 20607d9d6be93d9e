"""Proxies that give a server an archive, as Amazon's and Microsoft's documentation has it: what is in it is not read before it was asked
for and the time for that is over. `finish()` lets that time be over."""
import http.client
import re
import threading
from urllib.parse import parse_qs, urlsplit

from dialect_proxies import DialectProxy
from faulty_proxy import Answer, Broken, FaultyProxy
from s3_client import ALGORITHM

COLD, COMING, THERE = "cold", "coming", "there"


class GlacierProxy(DialectProxy):
    """Of objects that were put with the class GLACIER. Amazon S3, "RestoreObject", "GetObject", "HeadObject". `asked`: what was asked for,
    as (key, days, tier), also where that was no use."""

    def __init__(self, port, credentials):
        super().__init__(port, credentials)
        self.archived, self.asked, self._turn = {}, [], threading.Lock()

    def finish(self):
        for path, state in self.archived.items():
            self.archived[path] = THERE if state == COMING else state

    def expire(self):
        for path in self.archived:
            self.archived[path] = COLD

    def instead(self, request):
        refused = self.refused(request, ALGORITHM, "amz")
        if refused:
            return refused
        target = urlsplit(request.target)
        query = parse_qs(target.query, keep_blank_values=True)
        state = self.archived.get(target.path)
        if request.method == "POST" and "restore" in query:
            return self._restore(target.path, request)
        if request.method == "GET" and state in (COLD, COMING):
            return Answer.failure(403, "InvalidObjectState", {})
        request.storage_class = request.header("x-amz-storage-class")
        self.sign_anew(request, target.path, request.header("if-none-match") == "*")
        return None

    def _restore(self, path, request):
        found = re.search(rb"<RestoreRequest[^>]*><Days>(\d+)</Days><GlacierJobParameters><Tier>(\w+)</Tier>", request.body)
        if not found or found[2] not in (b"Expedited", b"Standard", b"Bulk"):
            return Answer.failure(400, "MalformedXML", {})
        with self._turn:
            self.asked.append((path, int(found[1]), found[2].decode()))
            state = self.archived.get(path)
            if state is None:
                return Answer.failure(403, "InvalidObjectState", {})
            if state == COMING:
                return Answer.failure(409, "RestoreAlreadyInProgress", {})
            if state == COLD:
                self.archived[path] = COMING
            return Answer(202 if state == COLD else 200, [], b"")

    def changed(self, request, answer):
        path = urlsplit(request.target).path
        if request.method == "PUT" and answer.status == 200:
            self.archived.pop(path, None)
            if request.storage_class == "GLACIER":
                self.archived[path] = COLD
        if request.method == "DELETE" and answer.status == 204:
            self.archived.pop(path, None)
        state = self.archived.get(path)
        if request.method in ("GET", "HEAD") and state:
            answer.headers.append(("x-amz-storage-class", "GLACIER"))
            told = {COMING: 'ongoing-request="true"', THERE: 'ongoing-request="false", expiry-date="Fri, 21 Dec 2040 00:00:00 GMT"'}
            if state in told:
                answer.headers.append(("x-amz-restore", told[state]))
        return answer


class RehydrationProxy(FaultyProxy):
    """Before Azurite, which knows the archive tier, and moves a blob out of it at once. Azure, "Set Blob Tier"."""

    def __init__(self, port):
        super().__init__(port)
        self.asked, self.coming = [], {}  # path -> request, until its time is over
        self.loses = 0  # answers to puts of data packs, which have their effect

    def finish(self):
        coming, self.coming = self.coming, {}
        for request in coming.values():
            self.send(request)

    def send(self, request):
        """To the server itself, whose answer is a success."""
        server = http.client.HTTPConnection("127.0.0.1", self.server_port, timeout=30)
        answer = self._forward(request, server, None)
        server.close()
        assert answer.status in (200, 202), answer

    def instead(self, request):
        target = urlsplit(request.target)
        if request.method != "PUT" or parse_qs(target.query).get("comp") != ["tier"]:
            return None
        self.asked.append((target.path, request.header("x-ms-access-tier"), request.header("x-ms-rehydrate-priority")))
        if target.path in self.coming:
            return Answer(409, [("x-ms-error-code", "BlobBeingRehydrated")], b"")
        self.coming[target.path] = request
        return Answer(202, [], b"")

    def changed(self, request, answer):
        if self.loses and request.method == "PUT" and "/data/" in request.target:
            self.loses -= 1
            raise Broken
        if request.method == "HEAD" and urlsplit(request.target).path in self.coming:
            answer.headers.append(("x-ms-archive-status", "rehydrate-pending-to-hot"))
        return answer
