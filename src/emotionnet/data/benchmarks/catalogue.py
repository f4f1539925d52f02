"""Every benchmark by name: the dict that the commands, the documentation and the tests go through."""

from __future__ import annotations

from collections.abc import Mapping

from emotionnet.data.benchmarks.benchmark import Benchmark

BENCHMARKS: Mapping[str, Benchmark] = {}
