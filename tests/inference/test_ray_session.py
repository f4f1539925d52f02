"""Where Ray runs, what it has, and what is said when it cannot be reached; without Ray itself."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from emotionnet.inference import ray_session
from emotionnet.records import DataError


def test_a_cluster_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoRay:
        @staticmethod
        def is_initialized() -> bool:
            return False

        @staticmethod
        def init(**asked: Any) -> None:
            assert asked["address"] == "10.0.0.1:6379"
            assert "num_cpus" not in asked
            raise ConnectionError("ray client connection timeout\nmore")

    monkeypatch.setattr(ray_session, "_require_answer", str)
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    with pytest.raises(DataError) as error, ray_session.session(NoRay):
        pass
    assert str(error.value) == (
        "--engine ray needs a Ray that runs or can be started; RAY_ADDRESS is '10.0.0.1:6379': "
        "ray client connection timeout"
    )


def test_a_cluster_that_is_not_there_is_told_at_once() -> None:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
        for address in (f"127.0.0.1:{port}", f"ray://localhost:{port}"):
            with pytest.raises(ConnectionRefusedError):
                ray_session._require_answer(address)
        place.listen()
        ray_session._require_answer(f"127.0.0.1:{port}")
    for other in (None, "auto", "local"):
        ray_session._require_answer(other)


def test_what_went_wrong_in_a_process_is_told_in_its_last_line() -> None:
    class Ray:
        class exceptions:  # noqa: N801
            RayError = LookupError

    with pytest.raises(ChildProcessError) as error, ray_session.faults(Ray):
        raise LookupError("Traceback:\n  File x\nMemoryError: none left\n")
    assert str(error.value) == "a process of Ray failed: MemoryError: none left"


def test_each_machine_gets_as_many_processes_as_it_has_cores_or_gpus() -> None:
    class Ray:
        machines = ({"CPU": 8.0}, {"CPU": 16.0, "GPU": 4.0}, {"CPU": 3.0, "GPU": 2.0})

        @classmethod
        def nodes(cls) -> list[dict[str, Any]]:
            gone = {"Alive": False, "Resources": {"CPU": 99.0, "GPU": 9.0}}
            return [gone, *({"Alive": True, "Resources": one} for one in cls.machines)]

    assert ray_session.workers(Ray, "openvino") == (27, {"num_cpus": 1})
    assert ray_session.workers(Ray, "torch") == (6, {"num_gpus": 1, "num_cpus": 1})
    Ray.machines = ({"CPU": 2.0}, {"CPU": 4.0}, {})
    assert ray_session.workers(Ray, "torch") == (6, {"num_cpus": 1})
