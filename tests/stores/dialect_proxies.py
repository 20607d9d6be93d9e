"""Proxies that make of an S3 server one that is as Alibaba's, or Google's, is documented to be.

They verify each signature, and sign what they pass on anew. That exactly one of several fills a name is the work of the
server behind, which is asked by If-None-Match.
"""
import time
from urllib.parse import urlsplit

from faulty_proxy import Answer, FaultyProxy
from s3_client import ALGORITHM, GOOGLES_ALGORITHM, sign, signature


class DialectProxy(FaultyProxy):
    """`creations` counts the PUTs that came with the dialect's own header."""

    def __init__(self, port, credentials):
        super().__init__(port)
        self._credentials, self.creations = credentials, 0

    def refused(self, request, algorithm, vendor):
        """An Answer where the signature is not the one that it should be, else None. Every header of the vendor's is signed."""
        what, _, rest = request.header("authorization").partition(" ")
        fields = dict(field.split("=", 1) for field in rest.replace(" ", "").split(",")) if rest else {}
        if what != algorithm or "Signature" not in fields:
            return Answer.failure(403, "AccessDenied", {})
        names = fields["SignedHeaders"].split(";")
        unsigned = [name for name, _ in request.headers if name.lower().startswith("x-") and name.lower() not in names]
        scope = fields["Credential"].split("/", 1)[1]
        target = urlsplit(request.target)
        proof = signature(self._credentials.secret_key, request.method, target.path, target.query,
                          {name: request.header(name) for name in names}, scope, request.header(f"x-{vendor}-date"), vendor)
        if unsigned or proof != fields["Signature"]:
            return Answer.failure(403, "SignatureDoesNotMatch", {})
        return None

    def sign_anew(self, request, path, conditional, vendor="amz"):
        """For the server behind, in Amazon's words."""
        target = urlsplit(request.target)
        kept = ("range", "content-length", "content-type")
        headers = {name: value for name, value in request.headers if name.lower() in kept}
        signed = {"host": request.header("host"), "x-amz-content-sha256": request.header(f"x-{vendor}-content-sha256")}
        if conditional:
            signed["if-none-match"] = "*"
        signed = sign(self._credentials, request.method, path, target.query, signed, time.time())
        request.headers = [*headers.items(), *signed.items()]
        request.target = path + ("?" + target.query if target.query else "")


class AlibabaProxy(DialectProxy):
    """A bucket is part of the host's name; x-oss-forbid-overwrite, which a bucket with versions does not mind; no
    If-None-Match. Alibaba Cloud, "PutObject" and "Compatibility with Amazon S3"."""

    def __init__(self, port, credentials, has_versions=False):
        super().__init__(port, credentials)
        self.has_versions = has_versions
        self.host = f"oss.localhost:{self.port}"

    def instead(self, request):
        bucket, _, host = request.header("host").partition(".")
        if host != self.host:
            return Answer.failure(403, "SecondLevelDomainForbidden", {})
        refused = self.refused(request, ALGORITHM, "amz")
        if refused:
            return refused
        if request.method == "PUT" and (request.header("if-none-match") or request.header("if-match")):
            return Answer.failure(501, "NotImplemented", {})
        is_creation = request.header("x-oss-forbid-overwrite") == "true"
        self.creations += is_creation
        path = urlsplit(request.target).path
        self.sign_anew(request, f"/{bucket}" + ("" if path == "/" else path), is_creation and not self.has_versions)
        return None

    def changed(self, request, answer):
        if request.method == "PUT" and answer.status == 412:
            return Answer.failure(409, "FileAlreadyExists", {})
        if request.method == "PUT" and self.has_versions and answer.status == 200:
            answer.headers.append(("x-oss-version-id", "CAEQNhiBgIDhvKz0"))
        return answer


class GoogleProxy(DialectProxy):
    """Amazon's words with Amazon's headers, or its own with its own, and never both; If-None-Match is ignored.
    Google Cloud, "HTTP headers and query string parameters for XML API", "Simple migration from Amazon S3"."""

    def instead(self, request):
        names = {name.lower() for name, _ in request.headers}
        vendors = [vendor for vendor in ("amz", "goog") if any(name.startswith(f"x-{vendor}-") for name in names)]
        if len(vendors) > 1:
            return Answer.failure(400, "ExcessHeaderValues", {})
        vendor = "goog" if request.header("authorization").startswith(GOOGLES_ALGORITHM) else "amz"
        if vendors != [vendor]:
            return Answer.failure(400, "InvalidArgument", {})
        refused = self.refused(request, GOOGLES_ALGORITHM if vendor == "goog" else ALGORITHM, vendor)
        if refused:
            return refused
        is_creation = request.header("x-goog-if-generation-match") == "0"
        self.creations += is_creation
        self.sign_anew(request, urlsplit(request.target).path, is_creation, vendor)
        return None
