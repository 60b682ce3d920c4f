"""Cases on disk and in memory: labels, volumes, finding and reading files, writing masks."""

from engine.data.case import Case, CaseFiles, ImageSource, Modality
from engine.data.checks import case_warnings
from engine.data.convention import decide_convention, output_convention
from engine.data.dataset import DatasetFiles, find_dataset, fingerprint
from engine.data.find import find_case
from engine.data.foreground import background_value, foreground
from engine.data.labels import CONVENTIONS, Label, LabelConvention, Region
from engine.data.load import load_case, load_labels
from engine.data.mark import is_prediction
from engine.data.nifti import grid_difference, open_nifti, read_labels, read_volume
from engine.data.nifti_write import write_labels
from engine.data.save import save_segmentation
from engine.data.segmentation import Segmentation
from engine.data.volume import Grid, LabelMap, Orientation, Volume, grid_distance_mm, grid_rotation_deg, orient

__all__ = [
    "CONVENTIONS",
    "Case",
    "CaseFiles",
    "DatasetFiles",
    "Grid",
    "ImageSource",
    "Label",
    "LabelConvention",
    "LabelMap",
    "Modality",
    "Orientation",
    "Region",
    "Segmentation",
    "Volume",
    "background_value",
    "case_warnings",
    "decide_convention",
    "find_case",
    "find_dataset",
    "fingerprint",
    "foreground",
    "grid_difference",
    "grid_distance_mm",
    "grid_rotation_deg",
    "is_prediction",
    "load_case",
    "load_labels",
    "open_nifti",
    "orient",
    "output_convention",
    "read_labels",
    "read_volume",
    "save_segmentation",
    "write_labels",
]
