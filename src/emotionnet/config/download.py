"""`data download`: how pictures are fetched, and how hard a host may be asked."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from emotionnet.config.base import Existing, Section, Seed


class DownloadConfig(Section):
    """`data download`: URLs in, pictures out."""

    about: str = Field("", description="what this download is")
    source: Existing = Field(
        description="a table of web records (.jsonl, .csv, .parquet) or a folder of them, whose image is a "
        "URL; or a DATASET whose pictures have not been fetched"
    )
    per_host: PositiveInt = Field(4, description="requests to one host at once")
    delay: NonNegativeFloat = Field(0.0, description="seconds between the starts of two requests to one host")
    connections: PositiveInt = Field(64, description="requests to all hosts at once")
    attempts: PositiveInt = Field(
        4, description="how often a URL is tried that has a fault which may pass: connection, time, 5xx, 429"
    )
    backoff: PositiveFloat = Field(
        1.0, description="most seconds before the second attempt; doubles with each; the wait is drawn below"
    )
    longest_wait: PositiveFloat = Field(
        120.0,
        description="most seconds that an attempt is put off, whatever Retry-After asks for; a host whose "
        "robots.txt asks for a longer Crawl-delay is not asked at all",
    )
    timeout: PositiveFloat = Field(30.0, description="seconds for one request, its body included")
    down_after: PositiveFloat = Field(
        120.0,
        description="seconds without an answer to any of 10 or more requests, after which a host is down: "
        "its URLs fail at once, and it is asked again after as long; --retry failed brings them back",
    )
    min_rate: NonNegativeFloat = Field(
        1000.0, description="a body must come with at least so many bytes a second; 0: however slowly"
    )
    rate_window: PositiveFloat = Field(5.0, description="seconds over which min_rate is measured")
    max_bytes: PositiveInt = Field(20_000_000, description="largest body, bytes")
    max_pixels: int = Field(
        40_000_000, ge=1, le=100_000_000, description="most pixels; checked before any is decoded"
    )
    redirects: int = Field(5, ge=0, le=50, description="most redirects that are followed for one URL")
    user_agent: str = Field(
        "emotionnet",
        pattern=r"^[A-Za-z_-]+$",
        description="name that hosts and their robots.txt know this program by",
    )
    contact: str = Field(
        "", pattern=r"^[\x21-\x7e]*$", description="URL or e-mail address that hosts are told"
    )
    robots: bool = Field(True, description="do as robots.txt and X-Robots-Tag: noai say")
    allow: tuple[str, ...] = Field(
        (), description="host names and addresses that may be private, loopback or link-local"
    )
    store: Literal["as_it_came", "short_side_256", "shards"] = Field(
        "as_it_came",
        description="as_it_came: byte for byte; short_side_256: a longer short side is shrunk to 256 pixels, "
        "JPEG of quality 95; shards: byte for byte, in tar files",
    )
    shard: str | None = Field(
        None, description="i/n: only the hosts of the i-th of n parts, 0 <= i < n; null: all"
    )
    retry: Literal["failed"] | None = Field(
        None, description="'failed': try again what failed before; what was refused stays refused"
    )
    seed: Seed = Field(0, description="seed of the waits between attempts")
    out: Path = Field(Path("download"), description="the folder to write")
