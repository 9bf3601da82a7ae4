"""Images: references, what a tag may name, and checkouts that are whole or not there."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from butai.blueprints.model import Service, image_for
from butai.localcloud.images import ImageError, Images, Reference, parse
from butai.localcloud.mends.ecr import commits
from support.repository import WorkingTree

pytestmark = pytest.mark.model

REGISTRY = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com"


@pytest.fixture
def web(tmp_path: Path) -> WorkingTree:
    return WorkingTree(tmp_path / "repositories" / "web")


@pytest.fixture
def images(tmp_path: Path, web: WorkingTree) -> Images:
    return Images(tmp_path / "repositories", tmp_path / "images")


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        (f"{REGISTRY}/web:abc", Reference("web", "abc")),
        (f"{REGISTRY}/ivr/web:main", Reference("ivr/web", "main")),
        ("localhost:5000/web:1.0", Reference("web", "1.0")),
        ("web:main", Reference("web", "main")),
        ("ivr/web:main", Reference("ivr/web", "main")),
    ],
)
def test_references(image: str, reference: Reference) -> None:
    assert parse(image) == reference


@pytest.mark.parametrize(
    "image",
    ["", "web", "web:", f"{REGISTRY}/web", f"{REGISTRY}/../web:main", f"{REGISTRY}//web:main", "web:--upload-pack=x",
     f"{REGISTRY}/web@sha256:{'0' * 64}", "web:a/b", "web:a b", "WEB:main", "a.b/.git/x:main"],
)  # fmt: skip
def test_what_is_no_reference(image: str) -> None:
    with pytest.raises(ImageError, match="CannotPullContainerError"):
        parse(image)


def test_a_commit_by_its_whole_hash_or_the_beginning_of_it(images: Images, web: WorkingTree) -> None:
    first = web.commit({"app.py": "1"})
    second = web.commit({"app.py": "2"})
    assert (images.checkout(f"{REGISTRY}/web:{first}") / "app.py").read_text() == "1"
    assert (images.checkout(f"{REGISTRY}/web:{second[:7]}") / "app.py").read_text() == "2"
    assert images.checkout(f"web:{first[:12]}") == images.checkout(f"web:{first}")
    assert not (images.checkout(f"web:{first}") / ".git").exists()


def test_branches_and_tags(images: Images, web: WorkingTree) -> None:
    web.commit({"app.py": "1"})
    web.git("tag", "v1.0")
    web.branch("feature/blue-banner")
    web.commit({"app.py": "blue"})
    assert (images.checkout("web:v1.0") / "app.py").read_text() == "1"
    assert (images.checkout("web:main") / "app.py").read_text() == "1"
    assert (images.checkout("web:feature-blue-banner") / "app.py").read_text() == "blue"
    web.commit({"app.py": "bluer"})
    assert (images.checkout("web:feature-blue-banner") / "app.py").read_text() == "bluer"


@pytest.mark.parametrize(
    ("branch", "tag"),
    [
        ("feature/blue", "feature-blue"),
        ("fix#12&&more", "fix-12-more"),
        ("_mine", "_mine"),
        ("一覧/fix.1", "fix.1"),
        ("long/" + "x" * 200, "long-" + "x" * 123),
    ],
)
def test_a_branch_has_one_tag_for_blueprints_for_ecr_and_for_tasks(
    images: Images, web: WorkingTree, branch: str, tag: str
) -> None:
    web.commit({"app.py": "1"})
    web.branch(branch)
    commit = web.commit({"app.py": "2"})
    service = Service(repository="../web", variable="image", image="web:{branch}", ecs_service="aws_ecs_service.web")
    image = image_for(service, commit, branch)
    assert image == f"web:{tag}"
    assert (images.checkout(image) / "app.py").read_text() == "2"
    assert tag in commits(web.path)[0].tags


def test_git_tags_go_before_branches_of_the_same_image_tag(images: Images, web: WorkingTree) -> None:
    web.commit({"app.py": "tagged"})
    web.git("tag", "release/1")
    web.branch("release#1")
    web.commit({"app.py": "branch"})
    assert (images.checkout("web:release-1") / "app.py").read_text() == "tagged"


def test_a_branch_whose_name_holds_nothing_for_a_tag_has_its_hashes_alone(web: WorkingTree) -> None:
    web.commit({"app.py": "1"})
    web.branch("一覧")
    commit = web.commit({"app.py": "2"})
    assert commits(web.path)[0].tags == [commit, commit[:12]]


def test_a_bare_repository(images: Images, web: WorkingTree) -> None:
    commit = web.commit({"run.sh": "x"})
    web.git("clone", "--quiet", "--bare", str(web.path), str(images.repositories / "team" / "bare.git"))
    assert (images.checkout(f"team/bare:{commit}") / "run.sh").exists()


@pytest.mark.parametrize("tag", ["0" * 40, "abcdef1", "no-such-branch", "HEAD"])
def test_an_unknown_tag_is_told_as_ecs_tells_it(images: Images, web: WorkingTree, tag: str) -> None:
    web.commit({"app.py": "1"})
    with pytest.raises(ImageError, match=f"CannotPullContainerError: .*{tag}"):
        images.checkout(f"{REGISTRY}/web:{tag}")


def test_an_unknown_repository(images: Images) -> None:
    with pytest.raises(ImageError, match="CannotPullContainerError: repository other does not exist"):
        images.checkout(f"{REGISTRY}/other:main")


def test_git_variables_of_the_caller_do_not_lead_elsewhere(
    images: Images, web: WorkingTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = web.commit({"app.py": "1"})
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    assert (images.checkout(f"web:{commit}") / "app.py").exists()


def test_an_archive_that_leads_outside_is_refused(images: Images, web: WorkingTree) -> None:
    (web.path / "link").symlink_to("/etc/passwd")
    commit = web.commit({"app.py": "1"})
    with pytest.raises(ImageError, match="cannot be unpacked"):
        images.checkout(f"web:{commit}")
    assert list((images.folder / "web").iterdir()) == [], "nothing half-made is left"


def test_many_at_once_make_one_checkout(images: Images, web: WorkingTree) -> None:
    commit = web.commit({f"f{number}": "x" * 1000 for number in range(50)})
    places: list[Path] = []
    threads = [threading.Thread(target=lambda: places.append(images.checkout(f"web:{commit}"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(places) == 8 and len(set(places)) == 1
    assert len(list(places[0].iterdir())) == 50
    assert list((images.folder / "web").iterdir()) == [places[0]]
