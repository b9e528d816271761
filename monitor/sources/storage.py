"""Files wherever they are: on this machine, or in an object store over the network."""

import glob
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from pyarrow import fs
from pydantic import SecretStr

from monitor import plugins
from monitor.config.scalars import Delay, Duration
from monitor.errors import SourceError
from monitor.sources.files import DATE_KEYS, listed, may_hold, partitions
from monitor.window import Window

_SCHEMES = ("s3", "gs", "az", "abfs", "abfss")
_ATTEMPTS = 3
_CONNECT_SECONDS = 5
_STORES = ("AWS Error", "google::cloud::Status", "Azure Error", "curlCode")
"""What Arrow's errors say when an object store is at fault, and not a file."""
_GONE = "No such file or directory"
_FINAL = (
    "ACCESS_DENIED",
    "NO_SUCH_BUCKET",
    "NoSuchBucket",
    "ContainerNotFound",
    "PERMISSION_DENIED",
    "HTTP status 403",
    "] 401 ",
    "] 403 ",
    "lacked valid authentication",
    "lacked the necessary privileges",
)
"""What an object store answers that will not change by asking again."""
_CURE = ". Fix: correct the bucket, or the rights of its credentials"


class StoreOptions(plugins.Options):
    """What a user may set on any source that may lie in an object store."""

    endpoint: str | None = None
    """Where the object store answers, if not where its cloud has it."""
    region: str | None = None
    """The region of the buckets (S3)."""
    anonymous: bool = False
    """Ask without credentials."""
    access_key: SecretStr | None = None
    """The access key's id (S3); by default what the machine is given."""
    secret_key: SecretStr | None = None
    """The access key itself (S3)."""
    session_token: SecretStr | None = None
    """The token of temporary credentials (S3)."""
    account: str | None = None
    """The storage account (Azure)."""
    account_key: SecretStr | None = None
    """The storage account's key (Azure); by default what the machine is given."""
    patience: Duration = timedelta(seconds=10)
    """How long an object store that does not answer is asked again."""


class FileOptions(StoreOptions):
    """What a user may set on any source that reads files."""

    path: str | tuple[str, ...]
    """A file, folder or glob, here or at s3://, gs:// or az://; or a list of them."""
    date_partition: str | None = None
    """The partition key with the rows' date; by default date, dt, ds or day."""
    partition_slack: Delay = timedelta(days=1)
    """How far a row's time may lie outside the date of its partition."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """The paths, however many were written."""
        return (self.path,) if isinstance(self.path, str) else self.path

    @property
    def remote(self) -> bool:
        """Whether any of the paths leads over the network."""
        return any(is_remote(pattern) for pattern in self.patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file as its listing told of it; `name` is what users are told."""

    name: str
    size: int
    modified: datetime
    folders: tuple[tuple[str, str | None], ...] = ()
    path: str = field(compare=False)
    filesystem: Any = field(compare=False, repr=False)

    @property
    def partitions(self) -> dict[str, str | None]:
        """What its folders say of all its rows."""
        return dict(self.folders)

    def stream(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Open it to be read once from its start, decompressed by its suffix."""
        return self.filesystem.open_input_stream(self.path)

    def opened(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Open it to be read anywhere, as it is stored."""
        return self.filesystem.open_input_file(self.path)

    def refuse_less(self) -> None:
        """Raise SourceError where it is shorter than it was: what was read is not all.

        One that grows is read on by the next reading. Objects in a store are whole.
        """
        if isinstance(self.filesystem, fs.LocalFileSystem):
            refuse_less(Path(self.path), self.size)


class Files(Protocol):
    """Where a source's files are listed."""

    def listed(self) -> list[StoredFile]:
        """Return all files there are, by name; raises SourceError when none is."""
        ...

    def may_hold(self, file: StoredFile, window: Window) -> bool:
        """Tell whether a file can hold rows of a window, by its name or folders."""
        ...


@dataclass(frozen=True, kw_only=True)
class StoredFiles:
    """The files that a source's options mean."""

    options: FileOptions
    base: Path
    suffixes: tuple[str, ...]

    def listed(self) -> list[StoredFile]:
        """Return the files by name; raises SourceError when a path means nothing."""
        found: dict[str, StoredFile] = {}
        for pattern in self.options.patterns:
            there = self._remote if is_remote(pattern) else self._local
            for file in there(pattern):
                found.setdefault(file.name, file)
        return [found[name] for name in sorted(found)]

    def may_hold(self, file: StoredFile, window: Window) -> bool:
        """Tell whether a file can hold rows of a window, by its date partition."""
        named = self.options.date_partition
        keys = DATE_KEYS if named is None else (named,)
        return may_hold(file.partitions, window, keys, self.options.partition_slack)

    def _local(self, pattern: str) -> Iterator[StoredFile]:
        here = fs.LocalFileSystem()
        for file in listed([pattern], self.base, *self.suffixes):
            with reading(str(file.path)):
                stat = file.path.stat()
            yield StoredFile(
                name=os.path.abspath(file.path),  # noqa: PTH100 - `..` goes
                path=str(file.path),
                size=stat.st_size,
                modified=datetime.fromtimestamp(stat.st_mtime, UTC),
                folders=tuple(file.partitions.items()),
                filesystem=here,
            )

    def _remote(self, pattern: str) -> Iterator[StoredFile]:
        scheme, _, path = pattern.partition("://")
        if "\0" in path or ".." in path.split("/"):
            msg = f"{pattern!r} is no path. Fix: write it without `..`"
            raise SourceError(msg, permanent=True)
        path = path.strip("/")
        root = _root(path)
        for one in self._infos(pattern, scheme, path):
            if one.type != fs.FileType.File:
                continue
            inside = one.path.removeprefix(root).strip("/").split("/")
            single = one.path == path
            if not single and any(part[:1] in {"_", "."} for part in inside):
                continue
            folders = one.path.split("/")[-3:-1] if single else inside[:-1]
            yield StoredFile(
                name=f"{scheme}://{one.path}",
                path=one.path,
                size=one.size or 0,
                modified=one.mtime or datetime.fromtimestamp(0, UTC),
                folders=tuple(partitions(folders).items()),
                filesystem=self._filesystem(scheme),
            )

    def _infos(self, pattern: str, scheme: str, path: str) -> list[Any]:
        """Ask the store what there is; raises SourceError when that is nothing."""
        there = self._filesystem(scheme)
        with reading(pattern, remote=True):
            if glob.has_magic(path):
                wanted = path.split("/")
                every = _every(there, _root(path), pattern)
                found = [one for one in every if _matches(one.path.split("/"), wanted)]
                if not found:
                    msg = f"{pattern}: no file matches. Fix: correct it, or wait"
                    raise SourceError(msg, permanent=False)
                return found
            (one,) = there.get_file_info([path])
            if one.type == fs.FileType.File:
                return [one]
            if one.type == fs.FileType.NotFound:
                msg = f"{pattern}: there is no such file. Fix: correct it, or put it"
                raise SourceError(msg + " there", permanent=True)
            every = there.get_file_info(_below(path))
        found = [one for one in every if one.path.endswith(self.suffixes)]
        if not found:
            ends = " or ".join(self.suffixes)
            msg = f"{pattern}: no file in this folder ends in {ends}"
            raise SourceError(msg, permanent=False)
        return found

    def _filesystem(self, scheme: str) -> Any:  # noqa: ANN401 - pyarrow has no types
        return self._filesystems[family_of(scheme)]()

    @cached_property
    def _filesystems(self) -> Mapping[str, Any]:
        """How each cloud's store is reached; a connection is kept once it is made."""
        made: dict[str, Any] = {}

        def once(family: str) -> Any:  # noqa: ANN401
            if family not in made:
                made[family] = connected(family, self.options)
            return made[family]

        return {family: lambda f=family: once(f) for family in ("s3", "gs", "az")}


def _every(there: Any, root: str, pattern: str) -> list[Any]:  # noqa: ANN401
    """Return all that lies below a folder; nothing where there is no such folder.

    Raises SourceError where there is no such bucket: waiting does not make one.
    """
    try:
        found: list[Any] = there.get_file_info(_below(root))
    except OSError as error:
        # Google's store tells a missing folder without the number of that error.
        if not isinstance(error, FileNotFoundError) and _GONE not in str(error):
            raise
        bucket = root.partition("/")[0]
        if there.get_file_info([bucket])[0].type == fs.FileType.NotFound:
            msg = f"{pattern}: there is no bucket {bucket!r}. Fix: correct the bucket"
            raise SourceError(msg, permanent=True) from error
        return []
    return found


def _below(path: str) -> Any:  # noqa: ANN401 - pyarrow has no types
    return fs.FileSelector(path, recursive=True)


def is_remote(pattern: str) -> bool:
    """Tell whether a path leads over the network.

    >>> is_remote("s3://bucket/log"), is_remote("log/date=*")
    (True, False)
    """
    scheme, found, _ = pattern.partition("://")
    if found and scheme not in _SCHEMES:
        known = ", ".join(f"{one}://" for one in _SCHEMES)
        msg = f"{pattern}: {scheme}:// is not known. Fix: use a path, or {known}"
        raise SourceError(msg, permanent=True)
    return bool(found)


def family_of(scheme: str) -> str:
    """Return whose store a scheme leads to: `az` has three names."""
    return "az" if scheme in {"abfs", "abfss"} else scheme


def account_of(options: StoreOptions) -> str:
    """Return the account that a path at Azure is in; raises SourceError for none."""
    if options.account is None:
        msg = "Azure has accounts, and none is told. Fix: set `account:`"
        raise SourceError(msg, permanent=True)
    return options.account


def connected(family: str, options: FileOptions) -> Any:  # noqa: ANN401
    """Return Arrow's file system for an object store; nothing is asked of it yet."""
    scheme, _, authority = (options.endpoint or "").rpartition("://")
    with reading(f"{family}://", remote=True):
        if family == "s3":
            return fs.S3FileSystem(
                access_key=told(options.access_key),
                secret_key=told(options.secret_key),
                session_token=told(options.session_token),
                anonymous=options.anonymous,
                region=options.region,
                scheme=scheme or "https",
                endpoint_override=authority or None,
                connect_timeout=_CONNECT_SECONDS,
                request_timeout=options.patience.total_seconds(),
                retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
            )
        if family == "gs":
            return fs.GcsFileSystem(
                anonymous=options.anonymous,
                scheme=scheme or "https",
                endpoint_override=authority or None,
                retry_time_limit=options.patience,
            )
        account = account_of(options)
        where = {}
        if authority:
            where = {
                "blob_storage_authority": authority,
                "dfs_storage_authority": authority,
                "blob_storage_scheme": scheme or "https",
                "dfs_storage_scheme": scheme or "https",
            }
        key = told(options.account_key)
        return fs.AzureFileSystem(account, account_key=key, **where)


def identity(files: Iterable[StoredFile]) -> str:
    """Name files with their sizes and times of change."""
    return json.dumps([(f.name, f.size, f.modified.isoformat()) for f in files])


def refuse_less(path: Path, size: int) -> None:
    """Raise SourceError where a file is shorter than it was when it was listed."""
    with suppress(FileNotFoundError):  # what was open is read to its end
        if path.stat().st_size < size:
            msg = f"{path}: the file was cut short while it was read"
            raise SourceError(msg, permanent=False)


@contextmanager
def reading(name: str, noun: str = "file", *, remote: bool = False) -> Iterator[None]:
    """Turn what can go wrong with a file into a SourceError that names it."""
    try:
        yield
    except FileNotFoundError as error:
        msg = f"{name}: the file vanished while it was read"
        raise SourceError(msg, permanent=False) from error
    except PermissionError as error:
        msg = f"{name}: the file may not be read. Fix: give driftd the right to read it"
        raise SourceError(msg, permanent=True) from error
    except (pa.ArrowException, OSError, ValueError) as error:
        if remote or any(word in str(error) for word in _STORES):
            what = f"{name}: the object store cannot be read"
            raise refused(what, error) from error
        msg = (
            f"{name}: this is no whole {noun} ({short(error)}). "
            "Fix: write it again, under another name that is changed when it is whole"
        )
        raise SourceError(msg, permanent=True) from error


def refused(what: str, error: Exception) -> SourceError:
    """Return what is said of a store: for good where asking again changes nothing."""
    final = any(word in str(error) for word in _FINAL)
    return SourceError(f"{what} ({short(error)})" + _CURE * final, permanent=final)


def short(error: Exception) -> str:
    """Return in one line what a library said in colours and many lines.

    >>> short(OSError("Kernel error: ↳ GET http://a/b?sig=secret in 1.5ms"))
    'Kernel error: GET http://a/b in 1.5ms'
    """
    return " ".join(_NO_WORDS.sub(" ", str(error)).split())[:400]


_NO_WORDS = re.compile(r"\x1b\[[0-9;]*m|↳|<[^<>]*>|(?<=\w)\?\S+")
"""Colours, arrows, the tags of an answer, and the queries of addresses."""


def told(secret: SecretStr | None) -> str | None:
    """Return what a secret hides, for the one who asks the store; None for none."""
    return None if secret is None else secret.get_secret_value()


def _root(path: str) -> str:
    """Return the part of a path before its first wildcard."""
    parts = path.split("/")
    plain = next((i for i, p in enumerate(parts) if glob.has_magic(p)), len(parts))
    return "/".join(parts[:plain])


def _matches(parts: list[str], wanted: list[str]) -> bool:
    """Tell whether a path is one that a pattern means; `**` is any folders, or none."""
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return any(_matches(parts[i:], wanted[1:]) for i in range(len(parts) + 1))
    return bool(parts) and (
        fnmatchcase(parts[0], wanted[0]) and _matches(parts[1:], wanted[1:])
    )
