"""STUB"""

from pathlib import Path


def write_page(config, every, sources):
    return config.out
