"""Whether a webhook comes from who holds the secret: Standard Webhooks, receiving."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime, timedelta

from monitor.demo.loopback import Request

TOLERANCE = timedelta(minutes=5)
ID_HEADER = "webhook-id"
TIME_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"


def unsigned(request: Request, secret: str, now: datetime) -> str | None:
    """Tell why a request is not to be believed; None when its signature holds.

    The rules of Standard Webhooks 1.0.0: HMAC-SHA256 over id, timestamp and body; one
    of several signatures is enough, so that secrets can be rotated.
    """
    headers = request.headers
    missing = {ID_HEADER, TIME_HEADER, SIGNATURE_HEADER} - headers.keys()
    if missing:
        return f"the header {min(missing)} is missing"
    stamp = headers[TIME_HEADER]
    if not stamp.isdecimal() or abs(int(stamp) - now.timestamp()) > (
        TOLERANCE.total_seconds()
    ):
        return f"the {TIME_HEADER} is not within {TOLERANCE} of now"
    content = b".".join((headers[ID_HEADER].encode(), stamp.encode(), request.body))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = hmac.new(key, content, hashlib.sha256).digest()
    signatures = headers[SIGNATURE_HEADER].split()
    if any(_same(signature, expected) for signature in signatures):
        return None
    return f"no signature in {SIGNATURE_HEADER} matches"


def _same(signature: str, expected: bytes) -> bool:
    """Tell whether a signature is the expected one, in constant time."""
    version, _, text = signature.partition(",")
    try:
        given = base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
    return version == "v1" and hmac.compare_digest(given, expected)
