"""butai.yaml: what is read, and what a person is told when it is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.blueprints.model import Blueprint, Service, image_for, json_schema, version_in, version_variables
from butai.blueprints.validate import BlueprintError, check_against_root, parse
from butai.errors import WrongUseError
from butai.leases.service import CidrPool, ListPool, Range, Subdomain

pytestmark = pytest.mark.model

TEXT = """\
version: 1
name: ivr
engine: terraform
region: ap-northeast-1
environment_variable: environment
name_max_length: 14
services:
  web:
    repository: ../ivr-web
    variable: web_image
    image: "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/ivr-web:{commit}"
    ecs_service: aws_ecs_service.web
    branch: main
  api:
    repository: https://github.com/example/ivr-api.git
    variable: api_image
    image: "ivr-api:{branch}-{short_commit}"
    ecs_service: output.api_service
urls: {web: url, api: api_url}
leases:
  listener_priority: {variable: listener_priority, range: {from: 100, to: 990, step: 10}}
  subdomain: {subdomain: ivr.localhost, also: [api]}
  vpc_cidr: {variable: vpc_cidr, cidr: {supernet: 10.32.0.0/12, prefix: 20, exclude: [10.32.0.0/16]}}
  test_number: {variable: test_number, list: [050-5530-0111, "050-5530-0112"]}
defaults: {redis_node_type: cache.t4g.micro, web_count: 2, tags: {team: ivr}}
secrets: {api_key: "ssm:/ivr/api_key", other: "env:NAME"}
ready: {timeout_s: 120}
"""


def faults(text: str) -> list[str]:
    with pytest.raises(BlueprintError) as caught:
        parse(text, "butai.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_everything_is_read() -> None:
    blueprint = parse(TEXT)
    assert blueprint.services["web"].repository == "../ivr-web"
    assert blueprint.services["api"].branch == "main"
    assert blueprint.main_url() == "url"
    assert blueprint.defaults == {"redis_node_type": "cache.t4g.micro", "web_count": 2, "tags": {"team": "ivr"}}
    assert blueprint.ready.timeout_s == 120
    assert blueprint.pools() == {
        "listener_priority": Range(from_=100, to=990, step=10),
        "subdomain": Subdomain(domain="ivr.localhost"),
        "subdomain:api": Subdomain(domain="ivr.localhost", suffix="api"),
        "vpc_cidr": CidrPool(supernet="10.32.0.0/12", prefix=20, exclude=["10.32.0.0/16"]),
        "test_number": ListPool(values=["050-5530-0111", "050-5530-0112"]),
    }


def test_the_shortest_file() -> None:
    blueprint = parse("version: 1\nregion: eu-west-1\nenvironment_variable: env\n")
    assert (blueprint.name_max_length, blueprint.services, blueprint.main_url()) == (20, {}, None)


def test_every_fault_is_told_at_once_in_the_order_of_the_file() -> None:
    text = TEXT.replace("variable: web_image", "varable: web_image").replace("engine: terraform", "engine: pulumi")
    text = text.replace("to: 990", 'to: "990"').replace("ready: {timeout_s: 120}", "redy: {timeout_s: 120}")
    assert faults(text) == [
        "butai.yaml:3:9: `engine` must be 'terraform' or 'tofu'.",
        "butai.yaml:8:3: `variable` is missing in `services.web`.",
        "butai.yaml:10:5: `varable` is no key in `services.web`. Did you mean `variable`?",
        "butai.yaml:21:75: `to` must be a valid integer.",
        "butai.yaml:27:1: `redy` is no key. Did you mean `ready`?",
    ]


def test_the_error_has_the_common_shape() -> None:
    with pytest.raises(BlueprintError) as caught:
        parse("version: 2\nregin: x\n", "infra/butai.yaml")
    shape = json.loads(json.dumps(caught.value.as_json()))["error"]
    assert shape["code"] == "bad-blueprint"
    assert shape["where"] == "infra/butai.yaml:1:1"
    assert len(shape["problems"]) == 4
    assert shape["problems"][-1]["line"] == 2
    assert "Did you mean `region`?" in shape["why"]


def replaced(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: The file is empty."),
        ("# only a comment\n", "1:1: The file is empty."),
        ("just text", "1:1: The file must be a mapping"),
        ("a: [1, 2\nb: 3\n", "2:2: This is not YAML"),
        ("a: 1\n---\nb: 2\n", "2:1: This is not YAML"),
        ("a: \x00\n", "1:1: A character that YAML does not allow"),
        ("? [a]\n: 1\n", "1:3: A key must be a plain name"),
        ("x: &a [1]\n", "1:4: This is not YAML that can be read: anchors and aliases are not used here"),
        ("x: *a\n", "anchors and aliases"),
        ("x: !Ref y\n", "1:4: A tag such as"),
        ("x: !!python/object/apply:os.system [id]\n", "1:4: A tag such as"),
        ('x: !!int "y"\n', "1:4: A tag such as"),
        ("x: " + "[" * 50_000, "nested too deeply"),
        ("x: " + "y" * 300_000, "larger than 256 KiB"),
        (TEXT + "region: us-east-1\n", "28:1: `region` stands here twice. First in line 4."),
        (replaced("version: 1\n", ""), "1:1: `version` is missing"),
        (replaced("version: 1", "version: 2"), "1:10: `version` must be 1"),
        (replaced("name: ivr", "name: no one"), "2:7: `name` must be a name of lower-case letters"),
        (replaced("ap-northeast-1\n", "tokyo\n"), "4:9: `region` must be a region such as"),
        (
            replaced("engine: terraform", "profile: x\nrole: arn:aws:iam::123456789012:role/x"),
            "`role` and `profile` exclude",
        ),
        (replaced("engine: terraform", "role: x"), "must be a role's ARN"),
        (replaced("max_length: 14", "max_length: 21"), "6:18: `name_max_length` must be less than or equal to 20"),
        (replaced("  web:", "  Web:"), "8:3: `Web` must be a name of lower-case letters"),
        (
            replaced("{commit}", "{comit}"),
            "11:12: `image` holds an unknown placeholder `{comit}`. Did you mean `commit`?",
        ),
        (replaced("{commit}", "{commit!r}"), "unknown placeholder"),
        (replaced("branch: main", 'variables: {VERSION: "{comit}"}'), "unknown placeholder"),
        (replaced("{commit}", "latest"), "must hold `{commit}`"),
        (replaced("{commit}", "{commit"), "has a brace without its partner"),
        (replaced(":{commit}", ": {commit}"), "must not hold blanks"),
        (
            replaced("ecs_service.web", "ecs_task_definition.web"),
            "12:18: `ecs_service` must be the address of an ECS service",
        ),
        (replaced("branch: main", "branch: -x"), "13:13: `branch` cannot be the name of a branch"),
        (replaced("../ivr-web", "ext::sh -c id"), "names a remote helper"),
        (replaced("https://github.com", "https://u:hunter2@github.com"), "carries a user name or a password"),
        (replaced("{web: url, api: api_url}", "{web: 1}"), "19:13: `web` must be a valid string; put it in quotes"),
        (replaced("{from: 100, to: 990, step: 10}", "{from: 100, to: 9}"), "`to` (9) lies before `from` (100)"),
        (
            replaced("{from: 100,", "{form: 100,"),
            "`form` is no key in `leases.listener_priority.range`. Did you mean `from`?",
        ),
        (replaced("range: {from: 100, to: 990, step: 10}", "rang: 1"), "Did you mean `range`?"),
        (replaced("range: {from: 100, to: 990, step: 10}", ""), "needs exactly one of `range`"),
        (replaced("{variable: test_number, ", "{"), "needs `variable`"),
        (replaced("{variable: test_number, ", "{also: [x], variable: test_number, "), "goes with `subdomain` only"),
        (replaced('"050-5530-0112"', "050-5530-0111"), "`050-5530-0111` stands in the list twice"),
        (replaced('"050-5530-0112"', "5530"), "24:62: item 2 of `list` must be a valid string; put it in quotes"),
        (replaced("10.32.0.0/12", "10.40.0.0/12"), "23:51: `supernet` `10.40.0.0/12` is an address inside"),
        (replaced("other:", "web_image:"), "26:40: The variable `web_image` is filled twice. First in line 10."),
        (replaced("web_count:", "environment:"), "The variable `environment` is filled twice. First in line 5."),
        (replaced("env:NAME", "hunter2"), "never the secret itself"),
        (replaced("{timeout_s: 120}", "[]"), "27:8: `ready` must be"),
        (
            TEXT + "state: {s3: {bucket: X, key_prefix: a, use_lockfile: true}}\n",
            "28:22: `bucket` must be the name of a",
        ),
        (TEXT + "state: {s3: {bucket: abc, key_prefix: a/}}\n", "28:39: `key_prefix` must be a key's beginning"),
        (TEXT + "state: {s3: {bucket: abc, key_prefix: '${x}'}}\n", "28:39: `key_prefix` must be a key's beginning"),
        (TEXT + "state: {s3: {bucket: abc, key_prefix: a}}\n", "28:13: `s3` needs exactly one of `use_lockfile: true`"),
        (
            TEXT + "state: {s3: {bucket: abc, key_prefix: a, use_lockfile: true, dynamodb_table: locks}}\n",
            "a state must be locked",
        ),
        (
            TEXT + "state: {s3: {bucket: abc, key_prefix: a, key: b, use_lockfile: true}}\n",
            "28:13: `s3` needs exactly one of `key_prefix` and `key`",
        ),
        (TEXT + "state: {s3: {bucket: abc, use_lockfile: true}}\n", "`s3` needs exactly one of `key_prefix` and `key`"),
        (TEXT + "state: {s3: {bucket: abc, key: a/../b, use_lockfile: true}}\n", "28:32: `key` must be a key such as"),
        (
            TEXT + "state: {s3: {bucket: abc, key_prefix: a, workspace_key_prefix: b, use_lockfile: true}}\n",
            "goes with `key` only",
        ),
        (replaced("environment_variable: environment\n", ""), "`environment_variable` is missing."),
        (TEXT + "state: {s4: {}}\n", "28:9: `s4` is no key in `state`. Known: s3."),
        (TEXT + "tasks: {before_deploy: [{service: web, command: []}]}\n", "`command` must have at least 1 item"),
        (TEXT + "tasks: {before_deply: []}\n", "`before_deply` is no key in `tasks`. Did you mean `before_deploy`?"),
        (replaced("leases:\n", "leases: 5\nx:\n"), "20:9: `leases` must be a valid dictionary"),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, expected: str) -> None:
    assert any(expected in fault for fault in faults(text)), faults(text)


def test_a_task_of_a_service_that_is_not_there_is_told_with_its_place() -> None:
    text = TEXT + "tasks:\n  after_create:\n    - {service: web, command: [x]}\n    - {service: wbe, command: [x]}\n"
    [fault] = root_faults(text, Root())
    assert "31:" in fault and "There is no service `wbe`. Did you mean `web`?" in fault


def test_passwords_are_not_repeated() -> None:
    assert "hunter2" not in str(faults(TEXT.replace("https://github.com", "https://u:hunter2@github.com")))
    assert "hunter2" not in str(faults(TEXT.replace("env:NAME", "hunter2")))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("no", "no"),
        ("on", "on"),
        ("0120", "0120"),
        ("22:22", "22:22"),
        ("2026-11-24", "2026-11-24"),
        ("0x1F", "0x1F"),
        ("1e999", "1e999"),
        ("9" * 5000, "9" * 5000),
        ("true", True),
        ("~", None),
        ("", None),
        ("7", 7),
        ("-7.50", -7.5),
        ('"7"', "7"),
        ("[1, {a: b}]", [1, {"a": "b"}]),
    ],
)
def test_scalars_are_what_they_look_like(written: str, read: object) -> None:
    text = f"version: 1\nregion: eu-west-1\nenvironment_variable: env\ndefaults:\n  x: {written}\n"
    assert parse(text).defaults["x"] == read


@given(st.text() | st.text("ab:{}[]- \n&*!?|>\"'#0", max_size=60))
def test_any_text_ends_in_a_blueprint_or_in_named_problems(text: str) -> None:
    for whole in (text, f"version: 1\nregion: eu-west-1\nenvironment_variable: env\ndefaults: {text}\n"):
        try:
            blueprint = parse(whole)
        except BlueprintError as error:
            assert error.problems
            assert all(problem.line >= 1 and problem.column >= 1 for problem in error.problems)
        else:
            json.dumps(blueprint.defaults, allow_nan=False)


def test_images() -> None:
    blueprint = parse(TEXT)
    commit = "0123456789abcdef0123456789abcdef01234567"
    assert image_for(blueprint.services["web"], commit, None).endswith(f"ivr-web:{commit}")
    assert image_for(blueprint.services["api"], commit, "feature/blue banner") == "ivr-api:feature-blue-banner-0123456"
    with pytest.raises(WrongUseError) as caught:
        image_for(blueprint.services["api"], commit, None)
    assert caught.value.code == "branch-needed"
    with pytest.raises(WrongUseError, match="nothing of `一覧` fits") as caught:
        image_for(blueprint.services["api"], commit, "一覧")
    assert caught.value.code == "branch-unfit"


@given(
    st.sampled_from(
        ["x/web:{commit}", "web:{short_commit}", "web:{branch}", "r:5000/w:{branch}-{short_commit}", "w.b:v{commit}"]
    ),
    st.text("0123456789abcdef", min_size=40, max_size=40),
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.]{0,20}", fullmatch=True),
)
def test_an_images_name_tells_its_version(template: str, commit: str, branch: str) -> None:
    service = Service(repository="../web", variable="image", image=template, ecs_service="output.web")
    told = version_in(service, image_for(service, commit, branch))
    wanted = {"commit": commit, "short_commit": commit[:7], "branch": branch}
    assert told == {name: value for name, value in wanted.items() if f"{{{name}}}" in template}
    assert version_in(service, "elsewhere/other:latest") == {}


def test_a_placeholder_that_comes_twice_tells_nothing() -> None:
    service = Service(repository="../web", variable="image", image="{branch}/web:{branch}", ecs_service="output.web")
    assert version_in(service, "main/web:main") == {}


def test_the_published_schema_is_current() -> None:
    published = Path(__file__).parents[3] / "docs" / "reference" / "butai.schema.json"
    assert json.loads(published.read_text()) == json_schema(), "run `butai blueprint schema --write`"


def test_the_schema_knows_every_key_by_the_name_people_write() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == set(Blueprint.model_fields)
    assert {"range", "list", "cidr", "subdomain", "also", "variable"} == set(schema["$defs"]["LeaseSpec"]["properties"])
    assert {"from", "to", "step"} == set(schema["$defs"]["Range"]["properties"])
    assert schema["additionalProperties"] is False
    assert all({"description", "$ref"} & set(entry) for entry in schema["properties"].values())


@dataclass
class Variable:
    """A root's variable."""

    has_default: bool = True
    sensitive: bool = False
    type: str = "string"


@dataclass
class Root:
    """A root as the reader gives it."""

    variables: Mapping[str, Variable] = field(
        default_factory=lambda: {
            name: Variable(has_default=False)
            for name in [
                "environment",
                "web_image",
                "api_image",
                "listener_priority",
                "vpc_cidr",
                "test_number",
                "redis_node_type",
                "web_count",
                "tags",
                "api_key",
                "other",
            ]
        }
    )
    outputs: tuple[str, ...] = ("url", "api_url", "api_service")
    resources: tuple[str, ...] = ("aws_ecs_service.web", "aws_ecs_service.api", "aws_lb.web")


def root_faults(text: str, root: Root) -> list[str]:
    with pytest.raises(BlueprintError) as caught:
        check_against_root(parse(text), root)
    return [str(problem) for problem in caught.value.problems]


def test_a_blueprint_that_fits_its_root() -> None:
    check_against_root(parse(TEXT), Root())
    check_against_root(parse(TEXT.replace("aws_ecs_service.web", "module.web.aws_ecs_service.this[0]")), Root())
    check_against_root(parse(TEXT.replace("aws_ecs_service.web", "'aws_ecs_service.web[0]'")), Root())


def test_what_the_root_lacks_is_told_with_its_line() -> None:
    text = TEXT.replace("variable: web_image", "variable: web_imge").replace("api: api_url", "api: api_addr")
    text = text.replace("aws_ecs_service.web", "aws_ecs_service.wbe").replace("output.api_service", "output.api")
    text = text.replace("api_key:", "apikey:")
    assert root_faults(text, Root()) == [
        "butai.yaml:1:1: The root's variable `api_key` has no default, and nothing fills it. "
        "Give it under `defaults`, `secrets` or `leases`.",
        "butai.yaml:1:1: The root's variable `web_image` has no default, and nothing fills it. "
        "Give it under `defaults`, `secrets` or `leases`.",
        "butai.yaml:10:15: The root has no variable `web_imge`. Did you mean `web_image`?",
        "butai.yaml:12:18: The root has no resource `aws_ecs_service.wbe`. Did you mean `aws_ecs_service.web`?",
        "butai.yaml:18:18: The root has no output `api`. Did you mean `api_url`?",
        "butai.yaml:19:23: The root has no output `api_addr`. Did you mean `api_url`?",
        "butai.yaml:26:11: The root has no variable `apikey`. Did you mean `api_key`?",
    ]


def test_variables_that_go_with_a_version() -> None:
    text = TEXT.replace("branch: main", 'variables: {VERSION: "{branch}@{short_commit}", FIXED: "x"}')
    service = parse(text).services["web"]
    assert version_variables(service, "0123456789", "feature/x") == {"VERSION": "feature-x@0123456", "FIXED": "x"}
