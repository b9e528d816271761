"""evidently's HTML report of a window, drawn beside the daemon and never in its way."""

from monitor.report.desk import Outcome, ReportDesk
from monitor.report.order import Order, ahead, place

__all__ = ["Order", "Outcome", "ReportDesk", "ahead", "place"]
