"""A proxy that makes of an S3 server one whose clock is ahead, or behind."""
import time
from email.utils import formatdate
from urllib.parse import urlsplit

from faulty_proxy import Answer, FaultyProxy
from s3_client import amz_date, sign, signature

SKEW_SECONDS_MAX = 15 * 60  # what servers bear with


class LateProxy(FaultyProxy):
    """Refuses what was not signed by the clock of `ahead` seconds from now, as a server does whose clock that is; verifies
    the rest by that clock, and signs it anew for the server behind, by the true one."""

    def __init__(self, port, credentials, ahead):
        super().__init__(port)
        self._credentials, self._ahead, self.refused = credentials, ahead, 0

    def instead(self, request):
        now = time.time() + self._ahead
        when = request.header("x-amz-date")
        if not amz_date(now - SKEW_SECONDS_MAX) <= when <= amz_date(now + SKEW_SECONDS_MAX):
            self.refused += 1
            return self._failure("RequestTimeTooSkewed", now)
        scope, names, proof = _parts(request.header("authorization"))
        target = urlsplit(request.target)
        headers = {name: request.header(name) for name in names}
        if signature(self._credentials.secret_key, request.method, target.path, target.query, headers, scope, when) != proof:
            return self._failure("SignatureDoesNotMatch", now)
        unsigned = [(k, v) for k, v in request.headers if k.lower() not in (*names, "authorization")]
        request.headers = unsigned + list(sign(self._credentials, request.method, target.path, target.query, headers,
                                               time.time()).items())
        return None

    def _failure(self, code, now):
        return Answer.failure(403, code, {"Date": formatdate(now, usegmt=True)})


def _parts(authorization):
    fields = dict(field.split("=", 1) for field in authorization.split(" ", 1)[1].replace(" ", "").split(","))
    return fields["Credential"].split("/", 1)[1], fields["SignedHeaders"].split(";"), fields["Signature"]
