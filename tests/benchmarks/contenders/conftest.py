"""What pytest looks into here for doctests."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("monai") else ["segresnet.py"]  # MONAI is a developer's, not a test's
