"""Visual emotion representations from web-tagged images."""

__version__ = "0.1.0"
