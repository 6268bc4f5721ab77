"""From the results of a run to a page for people: report.html, with a Markdown twin."""

from topofuse.report.source import ReportError
from topofuse.report.write import write_ablation_report, write_generalisation_report, write_report

__all__ = ["ReportError", "write_ablation_report", "write_generalisation_report", "write_report"]
