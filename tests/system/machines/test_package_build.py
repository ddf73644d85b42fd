"""The Debian package as it is built: its bytes, what is in it, what lintian says, and what it lives beside."""

import hashlib
import re
import tarfile
import tomllib
from collections.abc import Iterator

import pytest
from machine_tree import CHECKOUT
from package_layers import Room, layer
from package_making import EPOCH, Kind, Packages
from packaging.requirements import Requirement

pytestmark = pytest.mark.system

HOME = "./usr/lib/gatedog/"
UNCHECKED = b"\x01\x00\x00\x00"
"""The flags of a compiled module whose hash is never compared: importlib, PEP 552."""
INSTALL_BOTH = """
set -eu
dpkg --install /srv/packages/*.deb /build/made/*.deb
dpkg --verify gatedog python3-watchdog
cd /
/usr/bin/python3 -c 'import watchdog.observers; print(watchdog.__file__)'
gatedog version
/usr/lib/gatedog/bin/python -c 'import watchdog.core, sys; print(watchdog.__file__)'
getent passwd gatedog
dpkg --remove gatedog
/usr/bin/python3 -c 'import watchdog.observers; print(watchdog.__file__)'
dpkg --purge gatedog
"""
LINT = """
cd /build/made
lintian --allow-root --show-overrides --tag-display-limit 0 *.deb || true
"""


@pytest.fixture(scope="module")
def content(packages: Packages, suite: str) -> Iterator[tarfile.TarFile]:
    """Give what the package puts on a disk."""
    with Room(suite) as room:
        room.run(
            "dpkg-deb --fsys-tarfile /build/made/*.deb >/build/out/all.tar",
            {"made": packages.of(suite).parent, "out": room.folder},
            {},
        )
        with tarfile.open(room.folder / "all.tar") as tar:
            yield tar


def pins(suite: str = "bookworm") -> dict[str, str]:
    """Return name and version of what pins.txt names for a suite; the older one needs all of it."""
    text = (CHECKOUT / "packaging/debian/pins.txt").read_text(encoding="utf-8")
    python = {"bookworm": "3.11", "trixie": "3.13"}[suite]
    needs = [Requirement(line.rstrip("\\")) for line in text.splitlines() if "==" in line and line[0] != "#"]
    chosen = [need for need in needs if need.marker is None or need.marker.evaluate({"python_version": python})]
    return {need.name: str(need.specifier).removeprefix("==") for need in chosen}


def body(content: tarfile.TarFile, name: str) -> bytes:
    """Return what is in one file of the package."""
    file = content.extractfile(name)
    assert file is not None
    return file.read()


def test_built_again_it_is_the_same_byte_by_byte(packages: Packages, suite: str) -> None:
    """Fetched, compiled and packed again, from another folder and at another time, not one byte differs."""
    built = [packages.of(suite, kind) for kind in (Kind.THIS, Kind.AGAIN)]
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in built}

    assert built[0] != built[1]
    assert len(digests) == 1


def test_another_version_is_another_package(packages: Packages, suite: str) -> None:
    """What is compared above can differ, and a newer version is newer to dpkg."""
    this, after = (packages.of(suite, kind) for kind in (Kind.THIS, Kind.NEXT))
    versions = [path.name.split("_")[1] for path in (this, after)]
    with Room(suite) as room:
        room.run(f"dpkg --compare-versions {versions[0]} lt {versions[1]}", {}, {})

    assert this.read_bytes() != after.read_bytes()


def test_everything_is_roots_and_has_one_date(content: tarfile.TarFile) -> None:
    """Nobody else owns or can write a file, and no date tells when it was built."""
    members = content.getmembers()

    assert len(members) > 500
    assert {(each.uid, each.gid, each.mtime) for each in members} == {(0, 0, EPOCH)}
    assert {oct(each.mode) for each in members if not each.issym()} <= {"0o755", "0o644"}


def test_it_carries_what_is_pinned_and_nothing_else(content: tarfile.TarFile, suite: str) -> None:
    """Every library is the version of pins.txt, every library that gatedog needs is pinned, and no other is there."""
    names = [each.name for each in content.getmembers()]
    carried = dict(re.findall(r"site-packages/([\w.]+)-([^-/]+)\.dist-info/METADATA$", "\n".join(names), re.MULTILINE))
    del carried["gatedog"]
    said = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = said["optional-dependencies"]
    needs = [Requirement(each) for each in (*said["dependencies"], *extras["systemd"], *extras["web"])]

    assert {name.replace("_", "-"): version for name, version in carried.items()} == pins(suite)
    assert [str(need) for need in needs if not need.specifier.contains(pins().get(need.name, "0"))] == []


def test_licences_of_all_that_it_carries_are_named(content: tarfile.TarFile) -> None:
    """The copyright file has a paragraph for each library."""
    text = body(content, "./usr/share/doc/gatedog/copyright").decode()

    assert [name for name in pins() if not re.search(rf"site-packages/{name[:4]}\w*\*", text)] == []


def test_what_is_compiled_is_never_compared_with_its_date(content: tarfile.TarFile) -> None:
    """Each module has its compiled one, which holds no date; nothing but the sources knows a path outside."""
    modules = {each.name for each in content.getmembers() if each.name.endswith(".py")}
    compiled = [each.name for each in content.getmembers() if each.name.endswith(".pyc")]
    sources = {re.sub(r"__pycache__/(.+?)\.cpython-\d+\.pyc$", r"\1.py", name) for name in compiled}

    assert sources == {name for name in modules if name.startswith(HOME)}
    assert [name for name in compiled if body(content, name)[4:8] != UNCHECKED] == []
    assert [
        each.name for each in content.getmembers() if each.isfile() and b"/build/" in body(content, each.name)
    ] == []


def test_manual_and_completions_are_in_their_places(packages: Packages, content: tarfile.TarFile) -> None:
    """Every manual page and completion that there is lies where man and the shells look."""
    names = {each.name for each in content.getmembers()}
    pages = [path.name for path in (packages.sources / "docs/man").glob("*.[158]")]
    completions = {path.name for path in (packages.sources / "packaging/completions").iterdir()}

    assert "gatedog.1" in pages
    assert {f"./usr/share/man/man{page[-1]}/{page}.gz" for page in pages} <= names
    assert completions == {"gatedog.bash", "_gatedog", "gatedog.fish"}
    assert {
        "./usr/share/bash-completion/completions/gatedog",
        "./usr/share/zsh/vendor-completions/_gatedog",
        "./usr/share/fish/vendor_completions.d/gatedog.fish",
    } <= names


def test_setup_is_the_only_owner_of_what_it_writes(content: tarfile.TarFile) -> None:
    """The package has no unit, rule or drop-in where setup puts its own, so neither overwrites the other's."""
    names = {each.name for each in content.getmembers() if not each.isdir()}
    outside = {name for name in names if not name.startswith((HOME, "./usr/share/"))}

    assert outside == {
        *("./usr/bin/gatedog", "./usr/lib/sysusers.d/gatedog.conf", "./etc/needrestart/conf.d/gatedog.conf"),
    }
    assert {f"{HOME}break-glass", f"{HOME}owned.txt"} & names == set()


def test_lintian_reports_no_error(packages: Packages, suite: str) -> None:
    """Debian's own critic finds no error and nothing to warn of, but what is overridden with a reason."""
    with Room("trixie", layer("trixie", "lintian")) as room:
        said = room.run(LINT, {"made": packages.of(suite).parent}, {}).splitlines()
    overridden = [line for line in said if line.startswith("O:")]

    assert overridden, said
    assert [line for line in said if line.startswith(("E:", "W:"))] == []


def test_it_lives_beside_debians_python3_watchdog(packages: Packages, suite: str) -> None:
    """With both installed, in an image that does not even run, each imports its own, and goes without the other."""
    with Room(suite, layer(suite, "python3-watchdog")) as room:
        said = room.run(INSTALL_BOTH, {"made": packages.of(suite).parent}, {}).splitlines()
    files = [line for line in said if line.endswith("watchdog/__init__.py")]

    assert files[0] == files[2] == "/usr/lib/python3/dist-packages/watchdog/__init__.py"
    assert re.fullmatch(r"/usr/lib/gatedog/lib/python3\.\d+/site-packages/watchdog/__init__\.py", files[1])
