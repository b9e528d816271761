"""Rows that are sent to the daemon: decoded, held to the config, and made durable."""

from monitor.ingest.api import IngestApi
from monitor.ingest.description import described
from monitor.ingest.desk import Desk

__all__ = ["Desk", "IngestApi", "described"]
