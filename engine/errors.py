"""Errors a person can mend: one line that names the file, what is wrong with it and what to do.

The command line prints that line and exits with 2; the window shows it. Anything else that is raised is a bug of ours,
and its traceback goes to the log.
"""


class EngineError(Exception):
    """Base of every error whose message is written for the person at the screen; the message is one line."""


class ImageFileError(EngineError):
    """A file cannot be read as an image, or could not be written."""


class CaseError(EngineError):
    """A folder's files do not make up a case: something is missing, ambiguous or on another grid."""


class GridMismatchError(CaseError):
    """The images of a case lie on different grids; resampling them to one mends it."""


class LabelConventionError(EngineError):
    """Which integer means which label is not known, or the file contradicts what its name says."""


class ModelError(EngineError):
    """A model bundle is missing, damaged, or does not fit the case."""


class DeviceError(EngineError):
    """The computing device asked for is not there, or has too little memory."""


class WorkerError(EngineError):
    """The process that did the work ended before it had a result, or failed in a way that nobody foresaw.

    `details` is that process's traceback, for the log; empty where there is none.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


class TrainingError(EngineError):
    """A training cannot begin or go on: its settings, its run folder or its checkpoint do not allow it."""


class EvaluationError(EngineError):
    """An evaluation cannot begin or go on: its folder holds other results, or not one case could be scored."""
