"""Fetch the pictures of a list, and tell what became of each."""

from __future__ import annotations

import asyncio
import importlib
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from emotionnet.config import DownloadConfig
from emotionnet.curation.download.fetched_dataset import BESIDE, require_all_urls, write_fetched_dataset
from emotionnet.curation.download.folder import Folder
from emotionnet.curation.download.keeping import Keeper
from emotionnet.curation.download.ledger import NAME, Ledger
from emotionnet.curation.download.shards import Shards
from emotionnet.curation.download.summary import Summary, summarise
from emotionnet.curation.sources import DOWNLOADED
from emotionnet.data.shares import Share
from emotionnet.files import made_alone, require_folder_or_nothing, write_json
from emotionnet.progress import message, track
from emotionnet.records import DataError

if TYPE_CHECKING:
    from emotionnet.curation.download.crawl import Crawl

PACKAGES = ("aiohttp", "protego")  # of the extra [scale]
SUMMARY = "summary.json"
_LOCK = f"{NAME}.lock"


def download(config: DownloadConfig) -> Summary:
    """Fetch the pictures that a list of web records names, or those of a DATASET.

    A folder with a ledger is gone on with: what has a state stays as it is, what waits is fetched.

    Args:
        config: What to fetch, where to, and how hard hosts may be asked.

    Raises:
        DataError: The list cannot be read, the folder holds something else or another download, another
            process works there, or a package of the extra `[scale]` is missing.
        KeyboardInterrupt: It was told to stop; all that came is in the ledger.
    """
    require_packages()
    if config.store == "shards":
        _require_fit_for_shards(config.source)
    share = None if config.shard is None else Share.parse(config.shard)
    _require_ours(config.out)
    busy = f"{config.out}: another process downloads into it; let it end, or stop it, first"
    with made_alone(config.out / NAME, busy=busy):
        ledger = Ledger(config.out)
        try:
            return _download(config, share, ledger)
        finally:
            ledger.close()


def _require_fit_for_shards(source: Path) -> None:
    """Check that what is fetched can lie in shards, which hold the splits of a DATASET."""
    from emotionnet.curation.download.listing import is_dataset

    if not is_dataset(source):
        raise DataError(
            f"{source}: must be a DATASET where store is 'shards'; it is a list: 'data curate' it first, its "
            "pictures may still be URLs"
        )
    require_all_urls(source)


def require_packages() -> None:
    """Check that the packages of the extra are installed.

    Raises:
        DataError: One is not; says how to get it.
    """
    for name in PACKAGES:
        try:
            importlib.import_module(name)
        except ImportError:
            raise DataError(
                f"the package {name} must be installed; it is not: pip install 'emotionnet[scale]'"
            ) from None


def _require_ours(out: Path) -> None:
    """Check that a download may be made here: nothing is there, or a download."""
    require_folder_or_nothing(out)
    present = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if present - {_LOCK} and NAME not in present:
        raise DataError(f"{out}: holds other files and no {NAME}; choose another --out")


def _download(config: DownloadConfig, share: Share | None, ledger: Ledger) -> Summary:
    from emotionnet.curation.download.results import write_records

    _clear(config.out)
    is_dataset, in_shards = _listed(config, share, ledger), config.store == "shards"
    if config.retry == "failed":
        message(f"{ledger.retry_failed():,} URLs that failed are tried again")
    keeper: Keeper = Shards(config.out, ledger) if in_shards else Folder(config.out, ledger)
    began = time.monotonic()
    with keeper:
        fetched, is_stopped = _fetch(config, ledger, keeper)
    ledger.name_the_first()
    summary = summarise(ledger, config.out, fetched=fetched, seconds=time.monotonic() - began)
    if not is_dataset:
        write_records(ledger, config.out)
    elif not is_stopped:
        write_fetched_dataset(ledger, config.source, config.out, in_shards=in_shards)
    write_json(config.out / SUMMARY, summary.to_dict())
    if is_stopped:
        message(f"Stopped; {summary.urls['waiting']:,} URLs wait. The same command goes on from here")
        raise KeyboardInterrupt
    return summary


def _clear(out: Path) -> None:
    """Delete what a process that was killed left of the tables that it was writing."""
    for name in (DOWNLOADED, SUMMARY, BESIDE):
        for left in out.glob(f".{name}.*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def _listed(config: DownloadConfig, share: Share | None, ledger: Ledger) -> bool:
    """Read the list into the ledger, unless it is there; whether it is a DATASET."""
    from emotionnet.curation.download.listing import fingerprint, is_dataset, list_into

    about = ledger.about()
    ours = {"source": fingerprint(config.source), "shard": str(share), "store": config.store}
    differ = [name for name, value in ours.items() if about.get(name, value) != value]
    if differ:
        found = ", ".join(f"{name} {about[name]:.16} is now {ours[name]:.16}" for name in differ)
        raise DataError(f"{config.out}: must go on with the same download; {found}: choose another --out")
    ledger.say(ours)
    try:
        list_into(ledger, config.source, share)
    except DataError:
        ledger.discard()  # nothing was fetched yet: the list can be put right and read again
        raise
    return is_dataset(config.source)


def _fetch(config: DownloadConfig, ledger: Ledger, keeper: Keeper) -> tuple[int, bool]:
    """Fetch what waits; how many pictures came, and whether it was told to stop."""
    from emotionnet.curation.download.crawl import Crawl

    (waiting,) = next(ledger.select("SELECT count(*) FROM urls WHERE state = 'waiting'"))
    crawl = Crawl(config, ledger, keeper)
    try:
        for _ in track(_steps(crawl), "Downloading", waiting, amount=int, unit="URLs"):
            pass
    except asyncio.CancelledError:
        return crawl.fetched, True
    except OSError as error:  # of the disk: those of hosts are the fate of a URL
        reason = error.strerror or error
        raise DataError(
            f"{config.out}: must be a place to write to; got {reason}: the same command goes on from here"
        ) from None
    return crawl.fetched, False


def _steps(crawl: Crawl) -> Iterator[int]:
    """How many URLs got a state, again and again until none waits."""
    with asyncio.Runner() as runner:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                runner.get_loop().add_signal_handler(number, crawl.stop)
        while (done := runner.run(crawl.some())) is not None:
            yield done
