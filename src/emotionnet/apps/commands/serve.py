"""A trained network behind HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from emotionnet.apps.commands.base import app
from emotionnet.apps.commands.pictures import BackendName

Port = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))]


@app.command
def serve(
    run: str,
    /,
    *,
    index: Path | None = None,
    host: str = "127.0.0.1",
    port: Port = 8000,
    backend: BackendName = "auto",
    shards: Annotated[list[str] | None, Parameter(negative="")] = None,
) -> None:
    """Answer programs and browsers: emotions of pictures, why, and, with an index, search and teaching.

    Prints the address when it is ready; Ctrl+C or SIGTERM ends it once all requests are answered.

    Args:
        run: The RUN folder, a MODEL, or open_clip:ARCH@WEIGHTS.
        index: An INDEX that it made, to be searched and taught.
        host: Address to listen at. One that other machines reach asks for a token: $EMOTIONNET_TOKEN, else a
            new one, which is printed.
        port: Port to listen at; 0 takes a free one.
        backend: As for 'predict'.
        shards: URL of SHARDS that the index was made of: its pictures may be read from there. Whatever an
            INDEX says, no other URL is asked.
    """
    from emotionnet.apps.serve.start import serve as start

    start(run, index=index, host=host, port=port, backend=backend, shards=shards or ())
