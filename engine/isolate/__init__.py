"""Work in another process that looks like work in this one: same progress, same result, same errors.

A crash in a driver, a CUDA assert or the system's out-of-memory killer then takes that process, never the window and
what is unsaved in it; and a cancelled forward pass cannot hold the window. Start at `Worker`.
"""

from engine.isolate.worker import Worker

__all__ = ["Worker"]
