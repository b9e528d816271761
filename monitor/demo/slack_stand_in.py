"""A stand-in for Slack: takes what driftd would send there, and shows it."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from monitor.demo.loopback import Answer, Fault, Loopback, Request
from monitor.demo.slack_text import block_lines, plain

WEBHOOK = "/services/T000/B000/demo"
WEBHOOK_CHANNEL = "#incoming-webhook"
FIRST_SECOND = 1_700_000_000  # Slack's message ids look like times; ours only count
STRUCTURED = ("blocks", "metadata", "attachments", "files")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message in a channel, as it stands after its edits."""

    channel: str
    ts: str
    thread_ts: str | None = None
    text: str = ""
    blocks: Sequence[Mapping[str, Any]] = ()
    metadata: Mapping[str, Any] | None = None
    files: tuple[str, ...] = ()
    edits: int = 0

    def render(self) -> str:
        """Return the message as plain text for a terminal."""
        shown = [line for block in self.blocks for line in block_lines(block)]
        lines = shown or plain(self.text).splitlines()
        lines += [f"[file] {name}" for name in self.files]
        edited = [] if not self.edits else ["(edited)"]
        return "\n".join([*lines, *edited])


@dataclass(slots=True)
class Upload:
    """A file that a client announced and then sent."""

    name: str
    content: bytes = b""
    shared: bool = False


@dataclass(slots=True)
class _Told:
    """What Slack has been told so far, behind one lock."""

    messages: list[Message] = field(default_factory=list)
    uploads: dict[str, Upload] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class SlackStandIn(Loopback):
    """Slack's Web API and incoming webhooks on the loopback, with faults at will."""

    def __init__(self, *, token: str | None = None, port: int = 0) -> None:
        """Take any token, or only the one given."""
        super().__init__(self._serve, port)
        self._token = token
        self._told = _Told()

    @property
    def base_url(self) -> str:
        """The `base_url` for `slack_sdk.WebClient`."""
        return f"{self.url}/api/"

    @property
    def webhook_url(self) -> str:
        """The address of an incoming webhook."""
        return self.url + WEBHOOK

    @property
    def messages(self) -> tuple[Message, ...]:
        """Every message so far, oldest first."""
        with self._told.lock:
            return tuple(self._told.messages)

    @property
    def uploads(self) -> tuple[Upload, ...]:
        """Every file that was shared, oldest first."""
        with self._told.lock:
            return tuple(each for each in self._told.uploads.values() if each.shared)

    def _serve(self, request: Request) -> Answer:
        """Answer one request as Slack would."""
        with self._told.lock:
            if request.path.startswith("/services/"):
                return self._webhook(request)
            if request.path.startswith("/upload/"):
                return self._receive(request)
            return _json(self._call(request))

    def _webhook(self, request: Request) -> Answer:
        """Take a message by incoming webhook, which tells its sender no ts."""
        try:
            told = json.loads(request.body)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            return Answer(status=400, body=b"invalid_payload")
        if not (told.get("text") or told.get("blocks")):
            return Answer(status=400, body=b"no_text")
        self._post({**told, "channel": WEBHOOK_CHANNEL})
        return Answer(body=b"ok")

    def _receive(self, request: Request) -> Answer:
        """Take the bytes of a file that was announced."""
        upload = self._told.uploads.get(request.path.removeprefix("/upload/"))
        if upload is None:
            return Answer(status=404, body=b"no such upload")
        upload.content = request.body
        return Answer(body=f"OK - {len(request.body)}".encode())

    def _call(self, request: Request) -> dict[str, Any]:
        """Carry out a method of the Web API."""
        if self._token and request.headers.get("authorization") != (
            f"Bearer {self._token}"
        ):
            return {"ok": False, "error": "invalid_auth"}
        methods: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "auth.test": self._who,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "files.getUploadURLExternal": self._announce,
            "files.completeUploadExternal": self._share,
        }
        method = methods.get(request.path.removeprefix("/api/"))
        if method is None:
            return {"ok": False, "error": "unknown_method"}
        try:
            told = _arguments(request)
        except ValueError:
            return {"ok": False, "error": "invalid_json"}
        return method(told)

    def _who(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "url": self.url, "team": "Demo", "bot_id": "B000"}

    def _post(self, told: dict[str, Any]) -> dict[str, Any]:
        if "channel" not in told:
            return {"ok": False, "error": "channel_not_found"}
        if not (told.get("text") or told.get("blocks")):
            return {"ok": False, "error": "no_text"}
        message = Message(
            channel=told["channel"],
            ts=f"{FIRST_SECOND}.{len(self._told.messages) + 1:06d}",
            thread_ts=told.get("thread_ts"),
            text=told.get("text") or "",
            blocks=told.get("blocks") or (),
            metadata=told.get("metadata"),
        )
        self._told.messages.append(message)
        return _said(message)

    def _update(self, told: dict[str, Any]) -> dict[str, Any]:
        for place, message in enumerate(self._told.messages):
            if (message.channel, message.ts) == (told.get("channel"), told.get("ts")):
                changed = replace(
                    message,
                    text=told.get("text") or message.text,
                    blocks=told.get("blocks") or message.blocks,
                    metadata=told.get("metadata") or message.metadata,
                    edits=message.edits + 1,
                )
                self._told.messages[place] = changed
                return _said(changed)
        return {"ok": False, "error": "message_not_found"}

    def _history(self, told: dict[str, Any]) -> dict[str, Any]:
        found = [m for m in self._told.messages if m.channel == told.get("channel")]
        newest_first = [_said(message)["message"] for message in reversed(found)]
        return {"ok": True, "messages": newest_first, "has_more": False}

    def _announce(self, told: dict[str, Any]) -> dict[str, Any]:
        file_id = f"F{len(self._told.uploads) + 1:03d}"
        self._told.uploads[file_id] = Upload(str(told.get("filename")))
        url = f"{self.url}/upload/{file_id}"
        return {"ok": True, "file_id": file_id, "upload_url": url}

    def _share(self, told: dict[str, Any]) -> dict[str, Any]:
        files = [each for each in told["files"] if each["id"] in self._told.uploads]
        if len(files) != len(told["files"]):
            return {"ok": False, "error": "file_not_found"}
        uploads = [self._told.uploads[each["id"]] for each in files]
        for upload in uploads:
            upload.shared = True
        if channel := told.get("channel_id"):
            message = Message(
                channel=channel,
                ts=f"{FIRST_SECOND}.{len(self._told.messages) + 1:06d}",
                thread_ts=told.get("thread_ts"),
                text=told.get("initial_comment") or "",
                files=tuple(upload.name for upload in uploads),
            )
            self._told.messages.append(message)
        return {"ok": True, "files": files}


def slack_error(error: str) -> Fault:
    """Return the fault of Slack answering 200 and `ok: false`."""
    return Fault(answer=_json({"ok": False, "error": error}))


def _json(body: Mapping[str, Any]) -> Answer:
    """Answer with JSON."""
    headers = {"content-type": "application/json; charset=utf-8"}
    return Answer(body=json.dumps(body).encode(), headers=headers)


def _arguments(request: Request) -> dict[str, Any]:
    """Collect a call's arguments from wherever the client put them."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json"):
        return {**request.query, **json.loads(request.body or b"{}")}
    told: dict[str, Any] = {**request.query, **dict(parse_qsl(request.body.decode()))}
    for name in STRUCTURED:
        if isinstance(told.get(name), str):
            told[name] = json.loads(told[name])
    return told


def _said(message: Message) -> dict[str, Any]:
    """Tell a client what became of its message."""
    body = {
        "type": "message",
        "ts": message.ts,
        "text": message.text,
        "blocks": list(message.blocks),
        **({"thread_ts": message.thread_ts} if message.thread_ts else {}),
        **({"metadata": message.metadata} if message.metadata else {}),
    }
    return {"ok": True, "channel": message.channel, "ts": message.ts, "message": body}
