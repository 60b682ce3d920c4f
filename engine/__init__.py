"""Segmentation of brain tumours in multi-modal MRI: read a case, predict its regions, score and train."""

__version__ = "0.1.0"

RESEARCH_USE = "Research use only, not a medical device."
