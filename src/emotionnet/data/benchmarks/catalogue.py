"""Every benchmark by name: the dict that the commands, the documentation and the tests go through."""

from __future__ import annotations

from collections.abc import Mapping

from emotionnet.data.benchmarks.advertisement import ADVERTISEMENT
from emotionnet.data.benchmarks.affectnet import AFFECTNET
from emotionnet.data.benchmarks.benchmark import Benchmark
from emotionnet.data.benchmarks.emotic import EMOTIC
from emotionnet.data.benchmarks.findingemo import FINDINGEMO
from emotionnet.data.benchmarks.gaped import GAPED
from emotionnet.data.benchmarks.ldl import FLICKR_LDL, TWITTER_LDL
from emotionnet.data.benchmarks.pickled import SE30K8, STOCKEMOTION

BENCHMARKS: Mapping[str, Benchmark] = {
    "emotic": EMOTIC,
    "flickr_ldl": FLICKR_LDL,
    "twitter_ldl": TWITTER_LDL,
    "findingemo": FINDINGEMO,
    "advertisement": ADVERTISEMENT,
    "affectnet": AFFECTNET,
    "gaped": GAPED,
    "se30k8": SE30K8,
    "stockemotion": STOCKEMOTION,
}
