"""A proxy that makes of an S3 server one whose clock is ahead, or behind, or that is in another region."""
import time
from email.utils import formatdate
from urllib.parse import urlsplit

from faulty_proxy import Answer, FaultyProxy
from s3_client import amz_date, sign, signature

SKEW_SECONDS_MAX = 15 * 60  # what servers bear with


class StrictProxy(FaultyProxy):
    """Refuses what was not signed by the clock of `ahead` seconds from now, and for the region, as a server does that has
    them; verifies the rest by them, and signs it anew for the server behind. `refused` counts what it refused."""

    def __init__(self, port, credentials, ahead=0, region="us-east-1"):
        super().__init__(port)
        self._credentials, self._ahead, self._region, self.refused = credentials, ahead, region, 0

    def instead(self, request):
        now = time.time() + self._ahead
        when = request.header("x-amz-date")
        if not amz_date(now - SKEW_SECONDS_MAX) <= when <= amz_date(now + SKEW_SECONDS_MAX):
            return self._refuse(403, "RequestTimeTooSkewed", now)
        scope, names, proof = _parts(request.header("authorization"))
        if scope != f"{when[:8]}/{self._region}/s3/aws4_request":
            return self._refuse(400, "AuthorizationHeaderMalformed", now)
        target = urlsplit(request.target)
        headers = {name: request.header(name) for name in names}
        if signature(self._credentials.secret_key, request.method, target.path, target.query, headers, scope, when) != proof:
            return Answer.failure(403, "SignatureDoesNotMatch", {})
        unsigned = [(k, v) for k, v in request.headers if k.lower() not in (*names, "authorization")]
        request.headers = unsigned + list(sign(self._credentials, request.method, target.path, target.query, headers,
                                               time.time()).items())
        return None

    def _refuse(self, status, code, now):
        with self._lock:
            self.refused += 1
        # As Amazon does it; an answer to HEAD has the headers alone.
        return Answer.failure(status, code, {"Date": formatdate(now, usegmt=True), "x-amz-bucket-region": self._region})


def _parts(authorization):
    fields = dict(field.split("=", 1) for field in authorization.split(" ", 1)[1].replace(" ", "").split(","))
    return fields["Credential"].split("/", 1)[1], fields["SignedHeaders"].split(";"), fields["Signature"]
