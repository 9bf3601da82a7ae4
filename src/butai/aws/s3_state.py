"""A Terraform state in a team's own S3 bucket, with the locks that the `s3` backend takes: read, write, look, release."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from butai.errors import ButaiError, RefusedError
from butai.terraform.state import is_empty
from butai.text import text

CONNECT_S, READ_S = 5, 30
ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})
TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "ConditionalCheckFailedException", "412", "409"})


class S3StateError(ButaiError):
    """The bucket or the table of locks does not do what is asked."""

    code = "s3-state"


@dataclass(frozen=True)
class S3Place:
    """Where a state lies, as the `s3` backend is told. Exactly one of `dynamodb_table` and `use_lockfile` locks it (none: it
    is only read).

    `workspace`: which of the key's workspaces it is; none for the backend's `default`, whose state lies under the key itself.
    """

    bucket: str
    key: str
    region: str
    dynamodb_table: str = ""
    use_lockfile: bool = False
    kms_key_id: str = ""
    use_path_style: bool = False
    workspace: str = ""
    workspace_key_prefix: str = ""

    @property
    def object_key(self) -> str:
        """The key of the object itself, as the backend makes it."""
        return f"{self.workspace_key_prefix}/{self.workspace}/{self.key}" if self.workspace else self.key

    @property
    def path(self) -> str:
        """Bucket and key of the object: the id of the lock in the table."""
        return f"{self.bucket}/{self.object_key}"


@dataclass(frozen=True)
class S3Lock:
    """A lock as an engine wrote it."""

    id: str
    who: str
    operation: str
    created: datetime | None


class S3State:
    """One state. Every failure of AWS is an S3StateError."""

    def __init__(self, session: boto3.Session, place: S3Place) -> None:
        style: Any = {"addressing_style": "path" if place.use_path_style else "auto"}
        config = Config(s3=style, connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"total_max_attempts": 3})
        self.place = place
        self._s3: Any = session.client("s3", region_name=place.region, config=config)
        self._dynamodb: Any = session.client("dynamodb", region_name=place.region, config=config)

    def read(self) -> bytes | None:
        """The document; none where there is none."""
        return self._get(self.place.object_key)

    def write(self, content: bytes) -> None:
        """Put a document there as the backend would, with the digest that it wants in its table."""
        place = self.place
        kms = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": place.kms_key_id}
        digest = hashlib.md5(content, usedforsecurity=False)
        seal = kms if place.kms_key_id else {"ServerSideEncryption": "AES256"}
        with self._saying():
            self._s3.put_object(
                Bucket=place.bucket,
                Key=place.object_key,
                Body=content,
                ContentType="application/json",
                ContentMD5=base64.b64encode(digest.digest()).decode(),
                **seal,
            )
            if place.dynamodb_table:
                item = {**self._digest_key, "Digest": {"S": digest.hexdigest()}}
                self._dynamodb.put_item(TableName=place.dynamodb_table, Item=item)

    def drop_empty_workspace(self, who: str, now: datetime) -> bool:
        """What `workspace delete` does, under the lock: only where nothing is in the state. True if it is gone.

        Raises RefusedError while somebody else holds the lock.
        """
        if not self.place.workspace or self.read() is None:
            return False
        with self.held(who, "workspace delete", now):
            present = self.read()
            # Looked at again: only now nobody else may write it.
            if present is None or not is_empty(present):
                return False
            self._delete()
        return True

    def _delete(self) -> None:
        place = self.place
        with self._saying():
            self._s3.delete_object(Bucket=place.bucket, Key=place.object_key)
            if place.dynamodb_table:
                self._dynamodb.delete_item(TableName=place.dynamodb_table, Key=self._digest_key)

    def lock(self) -> S3Lock | None:
        """The lock that somebody holds; none where nobody does."""
        if self.place.use_lockfile:
            raw = self._get(self._lock_file)
        elif not self.place.dynamodb_table:
            return None
        else:
            with self._saying():
                found = self._dynamodb.get_item(
                    TableName=self.place.dynamodb_table, Key=self._lock_key, ConsistentRead=True
                )
            raw = found.get("Item", {}).get("Info", {}).get("S", "").encode() or None
        return _lock(raw) if raw else None

    def release(self, lock_id: str) -> bool:
        """Release this very lock, and no other. True if it was there."""
        held = self.lock()
        if held is None or held.id != lock_id:
            return False
        with self._saying():
            if self.place.use_lockfile:
                self._s3.delete_object(Bucket=self.place.bucket, Key=self._lock_file)
            else:
                self._dynamodb.delete_item(TableName=self.place.dynamodb_table, Key=self._lock_key)
        return True

    @contextmanager
    def held(self, who: str, operation: str, now: datetime) -> Iterator[None]:
        """Hold the lock while something is written. Refused while somebody else does."""
        lock_id = str(uuid.uuid4())
        info = {"ID": lock_id, "Operation": operation, "Info": "", "Who": who, "Version": "", "Path": self.place.path}
        self._take(json.dumps({**info, "Created": now.isoformat()}))
        try:
            yield
        finally:
            self.release(lock_id)

    def _take(self, info: str) -> None:
        place = self.place
        try:
            if place.use_lockfile:
                self._s3.put_object(Bucket=place.bucket, Key=self._lock_file, Body=info.encode(), IfNoneMatch="*")
            else:
                self._dynamodb.put_item(
                    TableName=place.dynamodb_table,
                    Item={**self._lock_key, "Info": {"S": info}},
                    ConditionExpression="attribute_not_exists(LockID)",
                )
        except ClientError as error:
            if error.response["Error"]["Code"] not in TAKEN:
                raise _said(place, error) from error
            held = self.lock()
            raise RefusedError(
                text("The state {place} is locked.", place=place.path),
                why=text("{who} holds it.", who=held.who if held else text("somebody")),
                next=text("Wait until it is released, then try again."),
                code="state-locked",
            ) from error
        except BotoCoreError as error:
            raise _said(place, error) from error

    @property
    def _lock_file(self) -> str:
        return f"{self.place.object_key}.tflock"

    @property
    def _lock_key(self) -> dict[str, Any]:
        return {"LockID": {"S": self.place.path}}

    @property
    def _digest_key(self) -> dict[str, Any]:
        return {"LockID": {"S": f"{self.place.path}-md5"}}

    def _get(self, key: str) -> bytes | None:
        try:
            return bytes(self._s3.get_object(Bucket=self.place.bucket, Key=key)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] in ABSENT:
                return None
            raise _said(self.place, error) from error
        except BotoCoreError as error:
            raise _said(self.place, error) from error

    @contextmanager
    def _saying(self) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise _said(self.place, error) from error


def _said(place: S3Place, error: Exception) -> S3StateError:
    return S3StateError(
        text("The state in the bucket {bucket} cannot be used.", bucket=place.bucket),
        why=str(error),
        next=text("Check the bucket, its region and what the worker's credentials may do there."),
    )


def _lock(raw: bytes) -> S3Lock:
    try:
        info: Any = json.loads(raw)
        created = str(info.get("Created", ""))
        # Engines write nanoseconds, Python reads microseconds.
        moment = datetime.fromisoformat(created[:19] + "+00:00") if created else None
        return S3Lock(str(info["ID"]), str(info.get("Who", "")), str(info.get("Operation", "")), moment)
    except (ValueError, KeyError, TypeError, AttributeError):
        return S3Lock("", text("somebody"), "", None)
