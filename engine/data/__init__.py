"""Cases on disk and in memory: labels, volumes, finding and reading files, writing masks."""

from engine.data.case import Case, CaseFiles, ImageSource, Modality
from engine.data.foreground import background_value, foreground
from engine.data.labels import CONVENTIONS, Label, LabelConvention, Region
from engine.data.nifti import grid_difference, open_nifti, read_labels, read_volume
from engine.data.nifti_write import write_labels
from engine.data.segmentation import Segmentation
from engine.data.volume import Grid, LabelMap, Orientation, Volume, grid_distance_mm, grid_rotation_deg, orient

__all__ = [
    "CONVENTIONS",
    "Case",
    "CaseFiles",
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
    "foreground",
    "grid_difference",
    "grid_distance_mm",
    "grid_rotation_deg",
    "open_nifti",
    "orient",
    "read_labels",
    "read_volume",
    "write_labels",
]
