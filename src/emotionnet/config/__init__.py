"""One frozen pydantic model per stage; each key says what it is and in which unit."""

from emotionnet.config.base import Existing, Folder, Fraction, HubName, Section, Seed, Url
from emotionnet.config.curation import CurateConfig, SplitSizes
from emotionnet.config.download import DownloadConfig
from emotionnet.config.fitting import DistributedConfig, FitConfig, OptimizerConfig, ScheduleConfig
from emotionnet.config.sources import ImageDataConfig, SourceConfig, TextConfig, TextDataConfig
from emotionnet.config.text import TeacherConfig, TeacherModelConfig, TeacherObjectiveConfig, VectorsConfig
from emotionnet.config.training import ModelConfig, ObjectiveConfig, TrainConfig

__all__ = [
    "CurateConfig",
    "DistributedConfig",
    "DownloadConfig",
    "Existing",
    "FitConfig",
    "Folder",
    "Fraction",
    "HubName",
    "ImageDataConfig",
    "ModelConfig",
    "ObjectiveConfig",
    "OptimizerConfig",
    "ScheduleConfig",
    "Section",
    "Seed",
    "SourceConfig",
    "SplitSizes",
    "TeacherConfig",
    "TeacherModelConfig",
    "TeacherObjectiveConfig",
    "TextConfig",
    "TextDataConfig",
    "TrainConfig",
    "Url",
    "VectorsConfig",
]
