import base64
import hashlib
import io
import tarfile
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from emotionnet.curation.npm import Package, fetch, read_members
from emotionnet.files import cache_folder
from emotionnet.records import DataError

CONTENT = b"an archive"
INTEGRITY = "sha512-" + base64.b64encode(hashlib.sha512(CONTENT).digest()).decode()
PACKAGE = Package("@scope/things", "1.2.3", INTEGRITY)


def fake_npm(monkeypatch: pytest.MonkeyPatch, content: bytes | None, stderr: str = "") -> list[list[str]]:
    """An npm that leaves `content` in the folder it is told, or fails with `stderr`."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: Any) -> CompletedProcess[str]:
        calls.append(command)
        if content is None:
            return CompletedProcess(command, 1, "", stderr)
        target = Path(command[command.index("--pack-destination") + 1])
        (target / "scope-things-1.2.3.tgz").write_bytes(content)
        return CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("shutil.which", lambda _: "/bin/npm")
    monkeypatch.setattr("subprocess.run", run)
    return calls


def test_a_package_is_fetched_once_and_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = fake_npm(monkeypatch, CONTENT)
    folder = tmp_path / "cache"
    path = fetch(PACKAGE, folder)
    assert path == fetch(PACKAGE, folder) == folder / "scope-things-1.2.3.tgz"
    assert path.read_bytes() == CONTENT
    (command,) = calls
    assert command[:3] == ["/bin/npm", "pack", "@scope/things@1.2.3"]
    assert "--ignore-scripts" in command
    assert [file.name for file in folder.iterdir()] == [path.name]


def test_another_archive_than_the_pinned_one_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_npm(monkeypatch, b"something else")
    with pytest.raises(
        DataError, match=r"must have sha512-.*; has sha512-.*; the registry gave something else"
    ):
        fetch(PACKAGE, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_cache_is_verified_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / PACKAGE.file_name
    path.write_bytes(b"changed")
    with pytest.raises(DataError, match=rf"has sha512-.*; delete {path} to fetch it again"):
        fetch(PACKAGE, tmp_path)


def test_no_network_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_npm(monkeypatch, None, "npm error code ENOTFOUND\nnpm error network request failed\nnpm error more")
    with pytest.raises(DataError) as caught:
        fetch(PACKAGE, tmp_path)
    assert caught.value.faults == (
        "npm package @scope/things@1.2.3 cannot be fetched (network request failed); connect to the npm "
        f"registry once, or put scope-things-1.2.3.tgz into {tmp_path}",
    )


def test_no_npm_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(DataError, match=r"npm is not installed: pip install 'emotionnet\[demo\]'"):
        fetch(PACKAGE, tmp_path)


def test_without_npm_on_the_path_the_python_package_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wheel:
        @staticmethod
        def npm(arguments: list[str], **_: Any) -> CompletedProcess[str]:
            (Path(arguments[3]) / "scope-things-1.2.3.tgz").write_bytes(CONTENT)
            return CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: "found")
    monkeypatch.setattr("importlib.import_module", lambda _: Wheel)
    assert fetch(PACKAGE, tmp_path).read_bytes() == CONTENT


def test_the_cache_folder_is_the_most_special_one_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("EMOTIONNET_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == Path("/home/me/.cache/emotionnet")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder() == Path("/caches/emotionnet")
    monkeypatch.setenv("EMOTIONNET_CACHE", "~/mine")
    assert cache_folder() == Path("/home/me/mine")


def test_only_wanted_regular_members_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name in ("package/img/a.png", "package/img/b.txt", "package/../../etc/x.png"):
            member = tarfile.TarInfo(name)
            member.size = 3
            tar.addfile(member, io.BytesIO(b"abc"))
        link = tarfile.TarInfo("package/img/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert read_members(path, lambda name: name.startswith("img/") and name.endswith(".png")) == {
        "img/a.png": b"abc"
    }


def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tgz"
    path.write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"a\.tgz: must be a gzipped tar archive"):
        read_members(path, lambda _: True)
