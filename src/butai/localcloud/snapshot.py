"""All of the cloud's state in one file, at most a second old: it survives restarts, and kill -9 but for that second."""

from __future__ import annotations

import copyreg
import hashlib
import json
import pickle
import sys
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cloudpickle
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from moto.backends import get_backend
from moto.kms.utils import ECDSAPrivateKey, RSAPrivateKey
from moto.ssm.models import ParameterDict

from butai.datafolder import write_private
from butai.errors import RefusedError
from butai.localcloud.services import SERVICES
from butai.localcloud.state import CloudState

_FORMAT = 1


def _rebuild_parameters(account_id: str, region_name: str) -> ParameterDict:
    return ParameterDict(account_id, region_name)


def _reduce_parameters(parameters: ParameterDict) -> tuple[Any, ...]:
    arguments = (parameters.account_id, parameters.region_name)
    return _rebuild_parameters, arguments, vars(parameters), None, iter(parameters.items())


# It is a defaultdict that wants arguments, which pickle does not know of by itself.
copyreg.pickle(ParameterDict, _reduce_parameters)


def _rebuild_key(kind: Any, attributes: dict[str, Any], content: bytes) -> Any:
    key = kind.__new__(kind)
    vars(key).update(attributes, private_key=load_der_private_key(content, password=None))
    return key


def _reduce_key(key: Any) -> tuple[Any, ...]:
    attributes = {name: value for name, value in vars(key).items() if name != "private_key"}
    content = key.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return _rebuild_key, (type(key), attributes, content)


# Every key of moto's KMS has one, also where it is symmetric.
for _kind in (RSAPrivateKey, ECDSAPrivateKey):
    copyreg.pickle(_kind, _reduce_key)
# moto's ECR holds one. Nobody holds it while the cloud's own lock is ours.
copyreg.pickle(type(threading.RLock()), lambda _lock: (threading.RLock, ()))


def header(region: str) -> dict[str, Any]:
    """What must be equal for a snapshot to load: it holds objects of moto's own classes, of one region."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"format": _FORMAT, "moto": version("moto"), "python": python, "region": region}


class Snapshot:
    """The state in `path`: a line of JSON that says who wrote it, then a pickle.

    A pickle is code. The file and its folder are for the user alone, and no other file is ever loaded.
    """

    def __init__(self, state: CloudState, path: Path) -> None:
        self.state, self.path = state, path
        self._fingerprint = ""

    def load(self) -> bool:
        """Put the kept state in moto's place; false when there is none.

        Raises RefusedError for a file that other versions wrote, or for another region.
        """
        if not self.path.exists():
            return False
        first, _, content = self.path.read_bytes().partition(b"\n")
        self._check(json.loads(first))
        for service, accounts in pickle.loads(content).items():  # noqa: S301 - see the class
            for account, regions in accounts.items():
                get_backend(service)[account].update(regions)
        self._fingerprint = self.running()
        return True

    def save(self) -> None:
        """Write the state as it is now."""
        with self.state.lock:
            self._fingerprint = self.running()
            content = cloudpickle.dumps({name: _backends(name) for name in SERVICES.values()})
        write_private(self.path, json.dumps(header(self.state.region)).encode() + b"\n" + content)

    def outdated_by_runner(self) -> bool:
        """Whether the runner has changed something since the last save. (Changes by requests: the server tells.)"""
        with self.state.lock:
            return self.running() != self._fingerprint

    def running(self) -> str:
        """Fingerprint of what the runner writes."""
        backend = self.state.backend("ecs")
        services = backend.services.values()
        tasks = [
            task for each in backend.tasks.values() for task in each.values() if not task.group.startswith("service:")
        ]
        databases = self.state.backend("rds").databases.values()
        groups = self.state.backend("elbv2").target_groups.values()
        facts: list[tuple[Any, ...]] = [
            (s.arn, s.status, s.running_count, s.pending_count, s.deployments) for s in services
        ]
        facts += [(task.task_arn, task.last_status) for task in tasks]
        facts += [(each.db_instance_identifier, each.status) for each in databases]
        return hashlib.sha256(repr((facts, [group.targets for group in groups])).encode()).hexdigest()

    def _check(self, found: dict[str, Any]) -> None:
        if found == (here := header(self.state.region)):
            return
        other = [name for name in here if found.get(name) != here[name]]
        differing = ", ".join(f"{name} {found.get(name)} (here: {here[name]})" for name in other)
        raise RefusedError(
            f"The local cloud's data in {self.path.parent} was written by another cloud: {differing}.",
            why="It holds objects of those versions and that region, which this one cannot use.",
            next=f"Start it with those again, or move {self.path.parent} away and begin with an empty cloud.",
            code="snapshot-version",
        )


def _backends(service: str) -> dict[str, dict[str, Any]]:
    backends: Any = get_backend(service)  # type: ignore[call-overload]
    return {account: dict(regions.items()) for account, regions in backends.items()}
