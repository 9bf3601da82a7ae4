"""The process of the local cloud: what it prints, how it ends, and what it refuses to start on."""

from __future__ import annotations

import json
import socket
import stat
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from butai.errors import Exit
from support.cloud import Cloud, running_cloud
from support.preloaded import run
from support.variants import again


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud that has not been started."""
    cloud = Cloud(tmp_path)
    yield cloud
    cloud.close()


def refused(cloud: Cloud, port: int = 0) -> str:
    """Start it where it must refuse; what it says on stderr."""
    done = run(cloud.command(port))
    assert (done.returncode, done.stdout) == (Exit.REFUSED, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_it_names_its_endpoint_and_listens_on_loopback_only(cloud: Cloud) -> None:
    cloud.start()
    assert cloud.client("sts").get_caller_identity()["Account"] == "123456789012"
    port = int(cloud.endpoint.rpartition(":")[2])
    assert cloud.endpoint == f"http://127.0.0.1:{port}"
    with socket.socket() as elsewhere:  # free on every other address: the cloud is bound to 127.0.0.1 alone
        elsewhere.bind(("127.0.0.2", port))
    cloud.stop()


@again
def test_a_stop_at_any_moment_after_the_start_ends_it(cloud: Cloud) -> None:
    for milliseconds in range(8):
        cloud.start()
        time.sleep(milliseconds / 1000)
        cloud.stop()


def test_its_folder_is_for_its_owner_only(cloud: Cloud) -> None:
    cloud.start()
    cloud.stop()
    assert stat.S_IMODE(cloud.data.stat().st_mode) == 0o700
    assert stat.S_IMODE((cloud.data / "cloud.snapshot").stat().st_mode) == 0o600


def test_a_page_of_another_name_gets_nothing(cloud: Cloud) -> None:
    cloud.start()
    request = urllib.request.Request(cloud.endpoint, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(request)
    assert answer.value.code == 403
    answer.value.close()
    cloud.stop()


def test_a_port_in_use_is_one_clear_refusal(cloud: Cloud) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        said = refused(cloud, squatter.getsockname()[1])
    assert "--port" in said
    assert "Address already in use" in said


def test_a_second_cloud_on_the_same_data_is_refused(cloud: Cloud) -> None:
    cloud.start()
    said = refused(cloud)
    assert str(cloud.data) in said
    assert str(cloud.pid) in said
    cloud.client("sts").get_caller_identity()  # the first one is not disturbed
    cloud.stop()


def test_data_of_other_versions_is_refused_and_kept(cloud: Cloud) -> None:
    cloud.start()
    cloud.stop()
    snapshot = cloud.data / "cloud.snapshot"
    header, _, content = snapshot.read_bytes().partition(b"\n")
    changed = json.dumps(json.loads(header) | {"moto": "1.0.0"}).encode() + b"\n" + content
    snapshot.write_bytes(changed)
    said = refused(cloud)
    assert "moto 1.0.0" in said
    assert f"move {cloud.data} away" in said
    assert snapshot.read_bytes() == changed


@pytest.mark.parametrize(
    ("flag", "value", "says"),
    [
        ("--port", "70000", "--port"),
        ("--port", "http", "--port"),
        ("--region", "ap-northeast-9", "Did you mean `ap-northeast-"),
    ],
)
def test_wrong_values_are_wrong_use(cloud: Cloud, flag: str, value: str, says: str) -> None:
    done = run([*cloud.command(), flag, value])
    assert (done.returncode, done.stdout) == (Exit.WRONG_USE, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_data_of_another_region_is_refused(cloud: Cloud) -> None:
    cloud.start()
    cloud.stop()
    command = [*cloud.command(), "--region", "eu-west-1"]
    done = run(command)
    assert done.returncode == Exit.REFUSED
    assert "region ap-northeast-1 (here: eu-west-1)" in done.stderr


def test_a_missing_folder_of_repositories_is_wrong_use(cloud: Cloud) -> None:
    cloud.repositories.rmdir()
    done = run(cloud.command())
    assert done.returncode == Exit.WRONG_USE
    assert "--repositories" in done.stderr


def test_strict_makes_a_gap_fail_loudly(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="CreateQueue"), running_cloud(tmp_path) as cloud:  # noqa: SIM117
        with pytest.raises(ClientError):
            cloud.client("sqs").create_queue(QueueName="x")
