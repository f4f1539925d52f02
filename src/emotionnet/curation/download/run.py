"""Fetch the pictures of a list, and tell what became of each."""

from __future__ import annotations

from emotionnet.config import DownloadConfig
from emotionnet.curation.download.summary import Summary


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
    raise NotImplementedError(config.out)
