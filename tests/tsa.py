"""A time-stamping authority for tests (tổ chức cấp dấu thời gian): RFC 3161 over HTTP on loopback, honest or not."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, ca: bool = True
) -> x509.Certificate:
    """Of who issues certificates, or of who makes time stamps."""
    began = datetime.now(UTC) - timedelta(days=100)
    built = (
        x509.CertificateBuilder()
        .subject_name(_named(subject))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=1000))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if not ca:
        purpose = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.TIME_STAMPING])
        built = built.add_extension(purpose, critical=True)
    return built.sign(issuer_key, hashes.SHA256())


def der_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


class Refused(core.Sequence):
    """An answer without a token, which ``tsp.TimeStampResp`` cannot say."""

    _fields = [("status", tsp.PKIStatusInfo)]  # noqa: RUF012


class Stamper:
    """Root, intermediate and key of an authority; makes tokens, with whatever in them is to be wrong."""

    def __init__(self, name: str = "Test TSA") -> None:
        root_key, between_key, self._key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        root, between = f"{name} root", f"{name} intermediate"
        self.root = _certificate(root, root_key, root, root_key)
        self.between = _certificate(between, between_key, root, root_key)
        self.own = _certificate(name, self._key, between, between_key, ca=False)

    @property
    def pem(self) -> bytes:
        """The root, as readers are given it."""
        return self.root.public_bytes(serialization.Encoding.PEM)

    def response(
        self, request: bytes, status: str = "granted", signed_as: Stamper | None = None, **wrong: Any
    ) -> bytes:
        """Answer to a request; ``wrong``: fields of the token to be other than asked for."""
        asked = tsp.TimeStampReq.load(request)
        if status not in ("granted", "granted_with_mods"):
            return Refused({"status": {"status": status}}).dump()
        token = (signed_as or self)._token(asked, wrong)
        return tsp.TimeStampResp({"status": {"status": status}, "time_stamp_token": token}).dump()

    def _token(self, asked: tsp.TimeStampReq, wrong: dict[str, Any]) -> cms.ContentInfo:
        info = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": "1.2.3.4.1",
                "message_imprint": asked["message_imprint"],
                "serial_number": time.time_ns(),
                "gen_time": datetime.now(UTC).replace(microsecond=0),
                "nonce": asked["nonce"],
                **wrong,
            }
        )
        content = info.dump()
        own = asn1_x509.Certificate.load(der_of(self.own))
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
                {
                    "type": "signing_certificate_v2",
                    "values": [{"certs": [{"cert_hash": hashlib.sha256(der_of(self.own)).digest()}]}],
                },
            ]
        )
        signer = cms.SignerInfo(
            {
                "version": "v1",
                "sid": {"issuer_and_serial_number": {"issuer": own.issuer, "serial_number": own.serial_number}},
                "digest_algorithm": {"algorithm": "sha256"},
                "signed_attrs": attributes,
                "signature_algorithm": {"algorithm": "sha256_ecdsa"},
                "signature": self._key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256())),
            }
        )
        data = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
                "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(content)},
                "certificates": [own, asn1_x509.Certificate.load(der_of(self.between))],
                "signer_infos": [signer],
            }
        )
        return cms.ContentInfo({"content_type": "signed_data", "content": data})


class Serving(Stamper):
    """The authority as it listens; ``answers`` makes a status and a body of a request, after ``waits`` seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: Callable[[bytes], tuple[int, bytes]] = self.honestly
        self.waits = 0.0
        self.drips = False
        self.asked: list[bytes] = []
        self.url = ""

    def honestly(self, request: bytes) -> tuple[int, bytes]:
        return 200, self.response(request)


@contextlib.contextmanager
def serving() -> Iterator[Serving]:
    """An authority on a free port of loopback."""
    told = Serving()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            told.asked.append(request)
            time.sleep(told.waits)
            with contextlib.suppress(OSError):
                while told.drips:  # a header that never ends
                    self.wfile.write(b"x")
                    time.sleep(0.05)
                status, body = told.answers(request)
                self.send_response(status)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Location", told.url)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}/tsr"
    yield told
    told.drips = False
    server.shutdown()
    server.server_close()
