"""Which image is of a version: by ECR's tags, and by what a build on GitHub left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.blueprints.model import Service, image_for, version_in
from butai.images.github import GitHubError
from butai.images.resolve import Open, look
from butai.images.rule import GitHubRepository, fitting, github_repository, is_open, with_tag, written
from support.github import TOKEN, GitHubs, running_github

COMMIT = "3f2c1a9" + "0" * 33
ECR = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/web"
HUB = "git@github.com:minato/web.git"


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("https://github.com/minato/web", GitHubRepository("github.com", "minato", "web")),
        ("https://github.com/minato/web.git", GitHubRepository("github.com", "minato", "web")),
        ("git@github.com:minato/web.git", GitHubRepository("github.com", "minato", "web")),
        ("ssh://git@git.minato.example/infra/web.api", GitHubRepository("git.minato.example", "infra", "web.api")),
        ("https://x:y@github.com/minato/web/", GitHubRepository("github.com", "minato", "web")),
        ("../web", None),
        ("/srv/git/web.git", None),
    ],
)
def test_a_url_names_a_repository(url: str, repository: GitHubRepository | None) -> None:
    assert github_repository(url) == repository


def test_a_server_of_the_teams_own_has_its_api_elsewhere() -> None:
    assert GitHubRepository("github.com", "a", "b").api == "https://api.github.com"
    assert GitHubRepository("git.minato.example", "a", "b").api == "https://git.minato.example/api/v3"


TAGS = st.text(st.sampled_from("ab1.-"), min_size=1, max_size=8)


@given(TAGS, TAGS, TAGS, st.lists(TAGS, max_size=6))
def test_a_star_stands_for_any_text_and_for_nothing_else(
    before: str, within: str, after: str, others: list[str]
) -> None:
    tags = [f"{before}{within}{after}", *others]
    found = fitting(f"{ECR}:{before}*{after}", tags)
    assert found[0] == tags[0]
    assert found == [
        each for each in tags if each.startswith(before) and each.endswith(after) and len(each) >= len(before + after)
    ]


def test_a_tag_takes_the_place_of_another() -> None:
    assert with_tag(f"{ECR}:*-1", "7-1") == f"{ECR}:7-1"
    assert is_open(f"{ECR}:*-1") and is_open("{artifact}") and not is_open(f"{ECR}:7-1")


@pytest.mark.parametrize(
    ("content", "image"),
    [("v1.2.3\n", f"{ECR}:v1.2.3"), ("", ""), ("two words", ""), ("$(rm -rf /)", ""), ("a\nb", "")],
)
def test_what_a_build_wrote_is_a_tag_or_nothing(content: str, image: str) -> None:
    assert written(f"{ECR}:{{artifact}}", content) == image


def service(**more: Any) -> Service:
    return Service.model_validate(
        {"repository": HUB, "variable": "web_image", "ecs_service": "aws_ecs_service.web", **more}
    )


def test_a_blueprints_rule_keeps_open_what_only_aws_or_github_know() -> None:
    starred, built = (
        service(image=f"{ECR}:*-{{short_commit}}"),
        service(image=f"{ECR}:{{artifact}}", build={"artifact": "image"}),
    )
    assert image_for(starred, COMMIT, "main") == f"{ECR}:*-3f2c1a9"
    assert image_for(built, COMMIT, None) == f"{ECR}:{{artifact}}"
    assert version_in(starred, f"{ECR}:build-12-3f2c1a9") == {"short_commit": "3f2c1a9"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"image": f"{ECR}:{{artifact}}"}, "both or neither"),
        ({"image": f"{ECR}:{{commit}}", "build": {"artifact": "image"}}, "both or neither"),
        ({"image": "1*.example/web:{commit}"}, "in the tag alone"),
        ({"image": f"{ECR}:{{commit}}", "variables": {"V": "{artifact}"}}, "unknown placeholder"),
    ],
)
def test_rules_that_do_not_fit_are_refused(more: Mapping[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        service(**more)


@pytest.fixture
def hub() -> Iterator[GitHubs]:
    with running_github() as hub:
        yield hub


def asked(
    hub: GitHubs, *, token: str = TOKEN, file: str = "", image: str = f"{ECR}:{{artifact}}", repository: str = HUB
) -> Any:
    environ = {"GITHUB_API_URL": hub.url, "GITHUB_TOKEN": token}
    return look(Open(image, repository, COMMIT, "image", file), lambda *_: None, environ)


def test_the_newest_artefact_of_the_commit_that_has_not_expired_is_read(hub: GitHubs) -> None:
    hub.leave(hub.run("f" * 40), "image", {"tag.txt": "another commit's"})
    hub.leave(hub.run(COMMIT), "image", {"tag.txt": "old"}, expired=True)
    kept = hub.run(COMMIT)
    hub.leave(kept, "coverage", {"tag.txt": "no image"})
    hub.leave(kept, "image", {"tag.txt": "build-7\n"})
    hub.run(COMMIT, "in_progress", None)
    assert asked(hub).image == f"{ECR}:build-7"
    assert asked(hub, image="{artifact}").image == "build-7"


def test_a_build_that_is_under_way_may_be_waited_for_and_a_failed_one_not(hub: GitHubs) -> None:
    assert "No build of 3f2c1a9" in asked(hub).why and not asked(hub).hopeless
    failed = hub.run(COMMIT, "completed", "failure")
    assert asked(hub).hopeless and f"has failed: https://github.com/minato/web/actions/runs/{failed}" in asked(hub).why
    again = hub.run(COMMIT, "queued", None)
    assert (
        not asked(hub).hopeless and f"under way: https://github.com/minato/web/actions/runs/{again}" in asked(hub).why
    )


def test_a_missing_one_names_the_commits_that_have_one(hub: GitHubs) -> None:
    for commit in ("a" * 40, "b" * 40):
        hub.leave(hub.run(commit), "image", {"tag.txt": "x"})
    hub.run(COMMIT)
    assert "Commits that have one: bbbbbbb, aaaaaaa" in asked(hub).why


def test_what_is_no_tag_is_said_and_a_file_is_chosen_by_its_name(hub: GitHubs) -> None:
    hub.leave(hub.run(COMMIT), "image", {"a.txt": "one two", "b.txt": "v2"})
    assert "no tag and no image" in asked(hub, file="a.txt").why
    assert asked(hub, file="b.txt").image == f"{ECR}:v2"
    with pytest.raises(GitHubError, match="not one file alone") as told:
        asked(hub)
    assert "a.txt, b.txt" in told.value.next


def test_without_a_right_to_read_it_says_what_to_give(hub: GitHubs) -> None:
    with pytest.raises(GitHubError, match=r"refuses to tell about minato/web \(404\)") as told:
        asked(hub, token="wrong")
    assert "GITHUB_TOKEN" in told.value.next
    assert "not on GitHub" in asked(hub, repository="../web").why
    hub.url = "http://127.0.0.1:9"
    with pytest.raises(GitHubError, match="does not answer"):
        asked(hub)
