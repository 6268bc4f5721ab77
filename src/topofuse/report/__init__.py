"""From the results of a run to a page for people: report.html, with twins in Markdown and JSON."""

from topofuse.report.mistakes import keep_structures
from topofuse.report.source import ReportError
from topofuse.report.write import write_ablation_report, write_generalisation_report, write_report

__all__ = ["ReportError", "keep_structures", "write_ablation_report", "write_generalisation_report", "write_report"]
