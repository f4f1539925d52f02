"""Every benchmark by name: the dict that the commands, the documentation and the tests go through."""

from __future__ import annotations

from collections.abc import Mapping

from emotionnet.data.benchmarks.advertisement import ADVERTISEMENT
from emotionnet.data.benchmarks.affectnet import AFFECTNET
from emotionnet.data.benchmarks.artphoto import ABSTRACT, ARTPHOTO
from emotionnet.data.benchmarks.benchmark import Benchmark
from emotionnet.data.benchmarks.emoset import EMOSET
from emotionnet.data.benchmarks.emotic import EMOTIC
from emotionnet.data.benchmarks.emotion6 import EMOTION6
from emotionnet.data.benchmarks.emotionroi import EMOTIONROI
from emotionnet.data.benchmarks.fi import FI, FI_SPLIT
from emotionnet.data.benchmarks.findingemo import FINDINGEMO
from emotionnet.data.benchmarks.gaped import GAPED
from emotionnet.data.benchmarks.ldl import FLICKR_LDL, TWITTER_LDL
from emotionnet.data.benchmarks.pickled import SE30K8, STOCKEMOTION
from emotionnet.data.benchmarks.twitter import TWITTER1, TWITTER1_AGREE4, TWITTER1_AGREE5
from emotionnet.data.benchmarks.unbiased import UNBIASEDEMOTION
from emotionnet.data.benchmarks.webemo import WEBEMO, WEBEMO2, WEBEMO7

BENCHMARKS: Mapping[str, Benchmark] = {
    "fi": FI,
    "fi_split": FI_SPLIT,
    "emoset": EMOSET,
    "unbiasedemotion": UNBIASEDEMOTION,
    "webemo": WEBEMO,
    "webemo7": WEBEMO7,
    "webemo2": WEBEMO2,
    "emotion6": EMOTION6,
    "emotionroi": EMOTIONROI,
    "artphoto": ARTPHOTO,
    "abstract": ABSTRACT,
    TWITTER1.name: TWITTER1,
    TWITTER1_AGREE4.name: TWITTER1_AGREE4,
    TWITTER1_AGREE5.name: TWITTER1_AGREE5,
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
