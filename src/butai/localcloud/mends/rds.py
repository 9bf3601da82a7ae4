"""RDS: instances that are real PostgreSQL servers, with a user and password that fit; everything else is refused."""

from __future__ import annotations

import json
import secrets
import string
import sys
import threading
from typing import Any, ClassVar

from moto.core.responses import ActionResult
from moto.rds.exceptions import DBInstanceNotFoundError
from moto.rds.models import DBInstance, MasterUserSecret
from moto.rds.responses import RDSResponse

from butai.localcloud.mends import replace
from butai.localcloud.postgres import Master, PostgresServers, programs
from butai.localcloud.servers import Address
from butai.localcloud.state import CloudState

_DEFAULT_MINOR = "4"
_ID_LETTERS, _ID_LENGTH = string.ascii_uppercase + string.digits, 26
_REFUSED = (
    "create_blue_green_deployment",
    "create_db_cluster",
    "create_db_instance_read_replica",
    "create_db_proxy",
    "create_db_shard_group",
    "restore_db_instance_from_db_snapshot",
    "restore_db_instance_to_point_in_time",
    "start_db_instance",
    "stop_db_instance",
)


class Instances:
    """The servers behind the instances. What takes seconds is done beside the requests, as on AWS."""

    def __init__(self, state: CloudState, servers: PostgresServers) -> None:
        self.state, self.servers = state, servers

    def start(self, database: Any, wanted: Address) -> None:
        """Start an instance's server; it is `available` when that answers, or `failed`."""
        database.status = "creating" if database.status == "creating" else "starting"
        name = f"rds-{database.db_instance_identifier}"
        threading.Thread(target=self._start, args=(database, wanted), name=name, daemon=True).start()

    def set_master(self, database: Any) -> None:
        """Give the instance's user the password that it has now."""
        self.servers.set_master(database.db_instance_identifier, _master(database))

    def delete(self, name: str) -> None:
        """The server and its data go."""
        self.servers.delete(name)

    def restore(self) -> None:
        """Start the servers of all known instances, where they were if possible."""
        for database in self.state.backend("rds").databases.values():
            self.start(database, getattr(database, "butai_address", None) or Address.wanted(database.port))

    def _start(self, database: Any, wanted: Address) -> None:
        name = database.db_instance_identifier
        try:
            address = self.servers.start(name, wanted)
            self.servers.set_master(name, _master(database))
        except Exception as error:  # whatever it is: the instance says it, and the cloud goes on
            print(f"local cloud: RDS {name}: {error}", file=sys.stderr, flush=True)
            with self.state.lock:
                database.status = "failed"
            return
        with self.state.lock:
            if name not in self.state.backend("rds").databases:
                self.servers.delete(name)  # deleted while it was made
                return
            database.butai_address, database.port = address, address.port
            database.status = "available"


class RDSMends(RDSResponse):
    """moto's RDS with the behaviour below."""

    instances: ClassVar[Instances]

    def create_db_instance(self) -> ActionResult:
        """Missing: an endpoint where a PostgreSQL answers; the whole version; an id of its own; that making it takes a while."""
        if self.params.get("Engine") != "postgres":
            raise NotImplementedError("the local cloud's databases are single PostgreSQL instances")
        if self.params.get("DBClusterIdentifier") or self.params.get("DBSnapshotIdentifier"):
            raise NotImplementedError("the local cloud has neither clusters nor snapshots of databases")
        programs()
        result = super().create_db_instance()
        database = _instance_of(result)
        if "." not in database.engine_version:
            database.engine_version = f"{database.engine_version}.{_DEFAULT_MINOR}"
        database.dbi_resource_id = "db-" + "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
        database.status = "creating"
        self.instances.start(database, Address.wanted(database.port))
        return result

    def modify_db_instance(self) -> ActionResult:
        """Missing: that the server learns a new password."""
        if self.params.get("RotateMasterUserPassword") or self.params.get("NewDBInstanceIdentifier"):
            raise NotImplementedError("the local cloud's databases keep their names, and rotate no passwords")
        result = super().modify_db_instance()
        database = _instance_of(result)
        if self.params.get("MasterUserPassword") or self.params.get("ManageMasterUserPassword") is not None:
            self.instances.set_master(database)
        return result

    def delete_db_instance(self) -> ActionResult:
        """Missing: the server goes, with its data. Snapshots hold none."""
        name = str(self.params.get("DBInstanceIdentifier", "")).lower()
        if name not in self.backend.databases:
            raise DBInstanceNotFoundError(name)
        result = super().delete_db_instance()
        self.instances.delete(name)
        return result

    def modify_db_subnet_group(self) -> ActionResult:
        """Missing: the group is there afterwards."""
        result = super().modify_db_subnet_group()
        assert isinstance(result.result, dict)
        group = result.result["DBSubnetGroup"]
        self.backend.subnet_groups[group.name] = group
        return result


def _instance_of(result: ActionResult) -> Any:
    assert isinstance(result.result, dict)
    return result.result["DBInstance"]


def _master(database: Any) -> Master:
    if database.manage_master_user_password:
        secret = database.master_user_secret.secret
        password = json.loads(secret.versions[secret.default_version_id]["secret_string"])["password"]
    else:
        password = database._master_user_password
    return Master(database.master_username, password, database.db_name or "")


def _secret_string(secret: MasterUserSecret) -> str:
    """Missing: the user's own name, and a password that is nobody else's."""
    return json.dumps({"username": secret.resource.master_username, "password": secrets.token_urlsafe(24)})


def _endpoint(database: Any) -> dict[str, Any] | None:
    """Missing: none while the instance is made, and where its server listens after that."""
    address: Address | None = getattr(database, "butai_address", None)
    return None if address is None else {"Address": address.host, "Port": address.port}


def _refuse(name: str) -> Any:
    def refused(_self: RDSMends) -> ActionResult:
        raise NotImplementedError(f"the local cloud has no {name}: its databases are single PostgreSQL instances")

    return refused


def install(instances: Instances) -> None:
    """Put these mends in moto's place; `instances` runs the servers behind them."""
    RDSMends.instances = instances
    for name in _REFUSED:
        setattr(RDSMends, name, _refuse(name))
    MasterUserSecret._generate_secret_string = _secret_string  # type: ignore[method-assign,assignment]
    DBInstance.endpoint = property(_endpoint)  # type: ignore[method-assign,assignment]
    replace(RDSResponse, RDSMends)
