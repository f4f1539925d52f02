"""Push and fetch against a hub on this machine: the few routes that huggingface_hub asks for."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
from PIL import Image

import emotionnet
from emotionnet import runs
from emotionnet.apps.cli import main
from emotionnet.data.images import Preprocessing
from emotionnet.files import write_json, write_text
from emotionnet.inference.hub import FILES, fetch_run, push_run
from emotionnet.models.description import Domain, ImageModel, write_description
from emotionnet.models.network import EmotionNet
from emotionnet.models.trunks import create_trunk
from emotionnet.models.weights import save_weights
from emotionnet.records import DataError

pytestmark = pytest.mark.filterwarnings(
    "ignore:Use 'content=:DeprecationWarning"
)  # of huggingface_hub's upload


class Hub(BaseHTTPRequestHandler):
    """Repositories in memory; large files by the basic transfer of Git LFS."""

    repositories: dict[str, dict[str, bytes]]
    objects: dict[str, bytes]
    refuses: int | None

    def do_POST(self) -> None:
        body = self._body()
        if self.refuses:
            self._json({"error": "no"}, status=self.refuses)
        elif self.path == "/api/repos/create":
            asked = json.loads(body)
            name = (
                f"{asked['organization']}/{asked['name']}"
                if asked.get("organization")
                else f"me/{asked['name']}"
            )
            self.repositories.setdefault(name, {})
            self._json({"url": f"{self._home}/{name}"})
        elif self.path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            files = json.loads(body)["files"]
            modes = [
                {
                    "path": one["path"],
                    "uploadMode": "lfs" if one["path"].endswith(".safetensors") else "regular",
                }
                for one in files
            ]
            self._json({"files": [{**mode, "shouldIgnore": False} for mode in modes]})
        elif self.path.endswith("/info/lfs/objects/batch"):
            wanted = json.loads(body)["objects"]
            objects = [
                {**one, "actions": {"upload": {"href": f"{self._home}/lfs/{one['oid']}", "header": {}}}}
                for one in wanted
            ]
            self._json({"transfer": "basic", "objects": objects})
        elif "/commit/" in self.path:
            name = self.path.split("/api/models/")[1].rsplit("/commit/", 1)[0]
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    self.repositories[name][value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    self.repositories[name][value["path"]] = self.objects[value["oid"]]
            self._json(
                {
                    "commitUrl": f"{self._home}/{name}/commit/{self._commit(name)}",
                    "commitOid": self._commit(name),
                }
            )
        else:
            self._json({"error": self.path}, status=404)

    def do_PUT(self) -> None:
        self.objects[self.path.rsplit("/", 1)[1]] = self._body()
        self._json({})

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _body(self) -> bytes:
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _answer(self, *, body: bool) -> None:
        if self.path.startswith("/api/models/"):
            name = "/".join(self.path.split("?")[0].split("/")[3:5])
            if name not in self.repositories:
                self._json(
                    {"error": "Repository not found"}, status=404, headers={"X-Error-Code": "RepoNotFound"}
                )
                return
            files = sorted(self.repositories[name].items())
            if "/tree/" in self.path:
                self._json([{"type": "file", "path": path, "size": len(c), "oid": "0"} for path, c in files])
                return
            names = [{"rfilename": path} for path, _ in files]
            self._json(
                {
                    "id": name,
                    "sha": self._commit(name),
                    "siblings": names,
                    "private": False,
                    "tags": [],
                    "downloads": 0,
                }
            )
            return
        owner, repository, *place = self.path.lstrip("/").split("/", 4)  # then: resolve, revision, path
        content = self.repositories.get(f"{owner}/{repository}", {}).get(place[-1]) if place else None
        if content is None:
            self._json({"error": "not found"}, status=404, headers={"X-Error-Code": "EntryNotFound"})
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", place[1])
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _json(self, value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        for key, text in {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            **(headers or {}),
        }.items():
            self.send_header(key, text)
        self.end_headers()
        self.wfile.write(content)

    @property
    def _home(self) -> str:
        return f"http://{self.headers['Host']}"

    def _commit(self, name: str) -> str:
        listing = {
            path: hashlib.sha256(content).hexdigest() for path, content in self.repositories[name].items()
        }
        return hashlib.sha1(json.dumps(listing, sort_keys=True).encode()).hexdigest()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """No line for each request."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Hub]]:
    handler = type("OneHub", (Hub,), {"repositories": {}, "objects": {}, "refuses": None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_for_the_test")
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished RUN with a card, and files of which none may leave the machine."""
    folder = tmp_path / "run"
    network = EmotionNet(create_trunk("test_resnet", "none"), "plain", n_emotions=2)
    model = ImageModel(
        trunk="test_resnet",
        weights="none",
        shape="plain",
        emotions=("anger", "joy"),
        embedding_size=None,
        aux_emotions=None,
        preprocessing=Preprocessing(image_size=32, crop_pct=1.0, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        domain=Domain(dataset="none", data_hash="", licences={}, unseen=()),
    )
    save_weights(network, folder / runs.WEIGHTS)
    write_description(folder, model)
    write_json(folder / runs.CONFIG, {"seed": 0})
    write_text(folder / runs.CARD, "# A card\n")
    (folder / runs.CHECKPOINTS).mkdir()
    write_text(folder / runs.CHECKPOINT, "a pickle")
    write_text(folder / "notes.txt", "private")
    return folder


def test_a_pushed_run_comes_back_with_its_card_and_tells_the_same(hub: type[Hub], run: Path) -> None:
    address = push_run(run, "hf:me/feelings")
    assert address.startswith("http://127.0.0.1:")
    assert (
        set(hub.repositories["me/feelings"])
        == {path.name for path in run.iterdir() if path.name in FILES}
        == {"README.md", "config.json", "model.json", "model.safetensors"}
    )
    fetched = fetch_run("hf:me/feelings")
    assert (fetched / "README.md").read_text() == "# A card\n"
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
    assert emotionnet.load("hf:me/feelings").predict(image) == emotionnet.load(run).predict(image)


def test_a_second_push_replaces_what_changed(hub: type[Hub], run: Path) -> None:
    push_run(run, "hf:me/feelings")
    write_text(run / runs.CARD, "# Another card\n")
    push_run(run, "hf:me/feelings")
    assert (fetch_run("hf:me/feelings") / "README.md").read_text() == "# Another card\n"


def test_a_run_without_a_card_is_not_pushed(hub: type[Hub], run: Path) -> None:
    (run / runs.CARD).unlink()
    with pytest.raises(
        DataError, match=r"README.md: the model card must go along; 'emotionnet report .*' writes"
    ):
        push_run(run, "hf:me/feelings")
    assert hub.repositories == {}


@pytest.mark.parametrize("name", ["me/feelings", "hf:feelings", "hf:me/../you", "hf:me/a/b", "hf:/a"])
def test_names_of_no_repository_are_refused(run: Path, name: str) -> None:
    with pytest.raises(DataError, match="must be named hf:USER/NAME; got"):
        push_run(run, name)


def test_what_the_hub_lacks_or_refuses_is_one_line(hub: type[Hub], run: Path) -> None:
    with pytest.raises(
        DataError, match=r"^hf:me/none: cannot be fetched \(.*there is no such repository$"
    ) as found:
        emotionnet.load("hf:me/none")
    assert len(found.value.faults) == 1
    assert "\n" not in found.value.faults[0]
    hub.refuses = 403
    with pytest.raises(
        DataError, match=r"^hf:me/feelings: cannot be pushed to \(.*the token may not do this$"
    ):
        push_run(run, "hf:me/feelings")


def test_a_run_from_the_hub_is_checked_like_any_other(hub: type[Hub], run: Path) -> None:
    push_run(run, "hf:me/feelings")
    hub.repositories["me/feelings"]["model.safetensors"] = b"no weights"
    with pytest.raises(DataError, match=r"model\.safetensors"):
        emotionnet.load("hf:me/feelings")


def test_push_says_where_it_went(hub: type[Hub], run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["push", str(run), "hf:me/feelings"])
    assert json.loads(capsys.readouterr().out)["pushed"].startswith("http://127.0.0.1:")
