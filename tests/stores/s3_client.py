"""Signed requests to an S3 server, beside the program: what a test prepares, looks at, or does as somebody else."""
import datetime
import hashlib
import hmac
import http.client
import ssl
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"
GOOGLES_ALGORITHM = "GOOG4-HMAC-SHA256"


@dataclass(frozen=True)
class Credentials:
    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)

    def env(self):
        """As programs of AWS take them; an empty token is none."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key,
                "AWS_SESSION_TOKEN": self.session_token}


def amz_date(when):
    return datetime.datetime.fromtimestamp(when, datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def signature(secret_key, method, path, query, headers, scope, date, vendor="amz"):
    """Of a request as it is sent: path and query encoded, headers those that are signed, in small letters."""
    algorithm = ALGORITHM if vendor == "amz" else GOOGLES_ALGORITHM
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers))
    canonical = "\n".join((method, path, query, lines, ";".join(sorted(headers)), headers[f"x-{vendor}-content-sha256"]))
    key = (algorithm.split("-", maxsplit=1)[0] + secret_key).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join((algorithm, date, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    return hmac.digest(key, text.encode(), "sha256").hex()


def sign(credentials, method, path, query, headers, when, region="us-east-1", service="s3"):
    """The headers with those that sign them. They hold host and x-amz-content-sha256; none is left unsigned."""
    date = amz_date(when)
    headers = {name.lower(): value for name, value in headers.items()}
    headers["x-amz-date"] = date
    if credentials.session_token:
        headers["x-amz-security-token"] = credentials.session_token
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    proof = signature(credentials.secret_key, method, path, query, headers, scope, date)
    return dict(headers, authorization=f"{ALGORITHM} Credential={credentials.access_key}/{scope}, "
                                       f"SignedHeaders={';'.join(sorted(headers))}, Signature={proof}")


class Refused(Exception):
    """What a server answered that was to do something."""


class S3Client:
    def __init__(self, url, credentials, clock, ca=None):
        self._url, self._credentials, self._clock = urlsplit(url), credentials, clock
        self._tls = ssl.create_default_context(cafile=ca) if self._url.scheme == "https" else None

    def _connect(self):
        if self._tls:
            return http.client.HTTPSConnection(self._url.netloc, timeout=30, context=self._tls)
        return http.client.HTTPConnection(self._url.netloc, timeout=30)

    def request(self, method, key="", query=None, body=b"", headers=None, service="s3"):
        """The body of the answer, which is a success; Refused else."""
        path = quote("/" + key, safe="/~")
        text = "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in sorted((query or {}).items()))
        signed = sign(self._credentials, method, path, text,
                      dict(headers or {}, host=self._url.netloc, **{"x-amz-content-sha256": hashlib.sha256(body).hexdigest()}),
                      self._clock(), service=service)
        connection = self._connect()
        try:
            connection.request(method, path + ("?" + text if text else ""), body, signed)
            answer = connection.getresponse()
            found = answer.read()
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise Refused(f"{method} {path}: {answer.status} {found.decode(errors='replace')}")
        return found
