"""The process of the local cloud: `python -m butai.localcloud --data DIR --port PORT --region R --repositories DIR`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from boto3 import Session

from butai.datafolder import DataFolder
from butai.errors import ButaiError, Exit, WrongUseError, did_you_mean
from butai.localcloud.children import Children
from butai.localcloud.keeper import Keeper
from butai.localcloud.mends import ec2, ecr, ecs, elasticache, elbv2, iam, rds, tagging
from butai.localcloud.mends.rds import Instances
from butai.localcloud.postgres import PostgresServers
from butai.localcloud.redis import RedisServers
from butai.localcloud.router import Router
from butai.localcloud.runner import Runner
from butai.localcloud.server import ApiServer, Door, Gaps
from butai.localcloud.snapshot import Snapshot
from butai.localcloud.state import CloudState

LOOK_EVERY_S = 0.2
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM, SIGINT or SIGHUP; the exit code."""
    options = _parser().parse_args(arguments)
    stopping: SimpleQueue[int] = SimpleQueue()  # an Event may deadlock when its waiter is interrupted by its setter
    for number in _STOP_SIGNALS:
        signal.signal(number, lambda given, _frame: stopping.put(given))
    try:
        with running(options) as (endpoint, gaps):
            print(json.dumps({"endpoint": endpoint, "pid": os.getpid()}), flush=True)
            _wait_for(stopping)
    except ButaiError as error:
        print(f"local cloud: {error}", file=sys.stderr)
        return error.exit
    except OSError as error:
        print(f"local cloud: {error}", file=sys.stderr)
        return Exit.FAILED
    if options.strict and gaps.count:
        print(f"local cloud: {gaps.count} requests could not be answered, see {gaps.path}", file=sys.stderr)
        return Exit.FAILED
    return Exit.DONE


def _wait_for(stopping: SimpleQueue[int]) -> None:
    """Wait for the word to stop. Now and then it is looked up: a signal that comes just before a wait does not end it."""
    while stopping.empty():
        with suppress(Empty):
            stopping.get(timeout=LOOK_EVERY_S)
            return


@contextmanager
def running(options: argparse.Namespace) -> Iterator[tuple[str, Gaps]]:
    """The whole cloud, started in order and stopped in the opposite one: its endpoint, and what it could not answer.

    Raises ButaiError when a port or the data folder is in use, or the data is of other versions.
    """
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # nobody starts machines here, and each save would write them
    if not options.repositories.is_dir():
        raise WrongUseError(f"There is no folder {options.repositories}.", where="--repositories")
    _check_region(options.region)
    data = DataFolder(options.data)
    data.path.chmod(0o700)  # the snapshot is code: nobody else may put one there
    state = CloudState(options.region)
    with ExitStack() as stack:
        stack.callback(data.lock("localcloud").release)
        children = Children(data.path / "children")
        children.end_leftovers()
        snapshot = Snapshot(state, data.path / "cloud.snapshot")
        snapshot.load()
        servers = RedisServers(data.path / "redis", children)
        stack.callback(servers.stop)
        databases = PostgresServers(data.path / "rds", children)
        stack.callback(databases.stop)
        instances = Instances(state, databases)
        _mend(servers, instances, options.repositories)
        gaps = Gaps(data.path / "unanswered.jsonl")
        keeper = Keeper(snapshot, [servers, databases])
        api = ApiServer(Door(state, gaps, keeper.note_change), options.port)
        elasticache.restore(state, servers)
        instances.restore()
        keeper.start()
        stack.callback(keeper.stop)
        api.start()
        stack.callback(api.stop)
        runner = Runner(state, data.path, options.repositories, children=children, endpoint=api.endpoint)
        runner.start()
        stack.callback(runner.stop)
        router = Router(state)
        router.start()
        stack.callback(router.stop)
        yield api.endpoint, gaps


def _check_region(region: str) -> None:
    known = Session().get_available_regions("ecs")
    if region not in known:
        raise WrongUseError(f"There is no region `{region}`.", next=did_you_mean(region, known), where="--region")


def _mend(servers: RedisServers, instances: Instances, repositories: Path) -> None:
    ec2.install()
    ecr.install(repositories)
    ecs.install()
    elasticache.install(servers)
    elbv2.install()
    iam.install()
    rds.install(instances)
    tagging.install()


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 65536:
        raise ValueError(text)
    return port


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m butai.localcloud", description="AWS on one machine.")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder for state, logs, and the data of Redis and PostgreSQL"
    )
    parser.add_argument("--port", type=_port, required=True, help="loopback port of the API; 0 takes a free one")
    parser.add_argument("--region", required=True, help="the one region that this cloud is")
    parser.add_argument("--repositories", type=Path, required=True, help="folder of git repositories, the images")
    parser.add_argument("--strict", action="store_true", help="exit 1 if anything asked for could not be answered")
    return parser


if __name__ == "__main__":
    sys.exit(main())
