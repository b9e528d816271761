"""Requests that go to an address that was judged, under the name that was asked for."""

import httpx

from monitor.egress import Egress, Resolve, resolved


class Guarded(httpx.BaseTransport):
    """Connects to an address that was judged, under the name that was asked for."""

    def __init__(self, egress: Egress, resolve: Resolve = resolved) -> None:
        """Take what is permitted; the environment's proxies are not used."""
        self._egress = egress
        self._resolve = resolve
        self._inner = httpx.HTTPTransport(trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Judge where a request goes, and send it there."""
        url = request.url
        port = url.port or (443 if url.scheme == "https" else 80)
        found = self._egress.addresses(url.host, port, self._resolve)
        if not found:
            msg = "no address"
            raise httpx.ConnectError(msg, request=request)
        # The header Host was written for the name, and TLS is asked for it.
        request.extensions = {**request.extensions, "sni_hostname": url.host}
        request.url = url.copy_with(host=found[0])
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Close every connection."""
        self._inner.close()
