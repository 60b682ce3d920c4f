"""What a person can expect of this machine: how long a case takes, in how much memory, and what bounds it.

Importing this is cheap: what needs torch is measured in a process of its own.
"""

from engine.benchmark.report import Passes, Report, Step, to_json
from engine.benchmark.run import SCHEMES, benchmark

__all__ = ["SCHEMES", "Passes", "Report", "Step", "benchmark", "to_json"]
