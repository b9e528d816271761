#!/usr/bin/env python3
"""Reads a retraining that driftd asks for, and reports back how it goes.

Python 3.9 or later, and nothing else. The payload is JSON: in the variable
DRIFTD_PAYLOAD, or in the file that DRIFTD_PAYLOAD_FILE names; with DRIFTD_PAYLOAD_KEY
it stands there under a key.

    driftd_payload.py show                         what is asked for, for people
    driftd_payload.py get window.start             one field
    driftd_payload.py env                          shell variables: eval "$(… env)"
    driftd_payload.py report succeeded AUC 0.84    waiting, running, succeeded, failed

Exit codes: 0 done, 1 a report did not get through, 2 no payload that can be read.
"""

import json
import os
import shlex
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, NoReturn

STATES = ("waiting", "running", "succeeded", "failed")
WAITS = (0, 2, 10)
"""Seconds before each attempt at a report."""
TIMEOUT = 15
PLAIN = {
    "DRIFTD_ID": "id",
    "DRIFTD_MODEL": "model",
    "DRIFTD_MODEL_VERSION": "model_version",
    "DRIFTD_MONITOR": "monitor",
    "DRIFTD_REASON": "reason",
    "DRIFTD_REFERENCE_ID": "reference_id",
    "DRIFTD_WINDOW_START": "window.start",
    "DRIFTD_WINDOW_END": "window.end",
    "DRIFTD_PREDICTIONS": "data.predictions",
    "DRIFTD_LABELS": "data.labels",
}
"""The shell's variables; of several paths each stands on a line."""


class PayloadError(Exception):
    """There is no payload, or none that can be read; its text says what to do."""


def read(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the payload that the environment holds or names."""
    where, text = "DRIFTD_PAYLOAD", environment.get("DRIFTD_PAYLOAD")
    if not text:
        where = environment.get("DRIFTD_PAYLOAD_FILE", "")
        if not where:
            msg = "no payload. Fix: set DRIFTD_PAYLOAD or DRIFTD_PAYLOAD_FILE"
            raise PayloadError(msg)
        try:
            text = Path(where).read_text("utf-8")
        except (OSError, ValueError) as error:
            msg = f"{where} cannot be read: {error}"
            raise PayloadError(msg) from None
    found = _parsed(text, where)
    key = environment.get("DRIFTD_PAYLOAD_KEY")
    if key and key in found:
        found = found[key]
        found = _parsed(found, f"{where}: {key}") if isinstance(found, str) else found
    if not isinstance(found, dict) or not found.get("id"):
        msg = f"{where}: no retraining of driftd's: it has no id"
        raise PayloadError(msg)
    return found


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        msg = f"{where} is no JSON object"
        raise PayloadError(msg)
    return found


def get(payload: Mapping[str, Any], path: str) -> str:
    """Return a field by its path, such as `window.start`; nothing where it is none."""
    found: Any = payload
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    if found is None:
        return ""
    if isinstance(found, list) and all(isinstance(part, str) for part in found):
        return "\n".join(found)
    return found if isinstance(found, str) else json.dumps(found)


def env(payload: Mapping[str, Any]) -> str:
    """Return the fields as lines for a shell, quoted, so that nothing in them runs."""
    return "\n".join(
        f"export {name}={shlex.quote(get(payload, path))}"
        for name, path in PLAIN.items()
    )


def show(payload: Mapping[str, Any]) -> str:
    """Say in a few lines what is asked for, and why."""
    evidence = [one for one in payload.get("evidence") or () if isinstance(one, dict)]
    lines = [
        f"retraining {get(payload, 'id')}",
        f"model       {get(payload, 'model')} {get(payload, 'model_version')}".rstrip(),
        f"why         {get(payload, 'reason')}",
        *(f"  - {one.get('sentence', '')}" for one in evidence),
        f"window      {get(payload, 'window.start')} to {get(payload, 'window.end')}",
    ]
    for name in ("predictions", "labels"):
        places = get(payload, f"data.{name}").splitlines()
        lines += [f"{name:<11} {place}" for place in places]
    return "\n".join(line for line in lines if line.strip())


class _Straight(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token is for the address that driftd gave."""

    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401 - urllib's own
        return None


def report(payload: Mapping[str, Any], state: str, detail: str = "") -> str:
    """Tell driftd how the retraining goes; return what came of it, in words.

    A payload without a token is of a target that driftd asks by itself. Raises
    PayloadError when it cannot be told.
    """
    url, token = get(payload, "callback"), get(payload, "callback_token")
    if not url or not token:
        return f"{state}; not reported: driftd asks for it by itself"
    if not url.startswith(("https://", "http://")):
        msg = "the callback is no web address"
        raise PayloadError(msg)
    body = json.dumps({"state": state, "detail": detail[:1_000]}).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310
    opener = urllib.request.build_opener(_Straight)
    why = ""
    for wait in WAITS:
        time.sleep(wait)
        try:
            with opener.open(request, timeout=TIMEOUT):
                return f"{state}; reported to driftd"
        except urllib.error.HTTPError as error:
            why = f"it answered {error.code}"
            error.close()
            busy = error.code == HTTPStatus.TOO_MANY_REQUESTS
            if error.code < HTTPStatus.INTERNAL_SERVER_ERROR and not busy:
                break  # it was understood and refused: again is no better
        except OSError as error:
            why = f"it cannot be reached ({type(error).__name__})"
    msg = f"{state} was not reported to driftd: {why}"
    raise PayloadError(msg)


def main(arguments: list[str]) -> int:
    """Do what the command line says."""
    command, *rest = arguments or [""]
    wrong = (
        command not in ("show", "get", "env", "report")
        or (command == "get" and len(rest) != 1)
        or (command == "report" and (not rest or rest[0] not in STATES))
    )
    if wrong:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        payload = read(os.environ)
    except PayloadError as error:
        print(f"driftd: {error}", file=sys.stderr)
        return 2
    if command == "report":
        try:
            print(f"driftd: {report(payload, rest[0], ' '.join(rest[1:]))}")
        except PayloadError as error:
            print(f"driftd: {error}", file=sys.stderr)
            return 1
        return 0
    print({"show": show, "env": env}.get(command, lambda p: get(p, rest[0]))(payload))
    return 0


def _run() -> NoReturn:
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    _run()
