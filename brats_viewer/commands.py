"""Everything a person can tell the window to do: one table that menus, toolbar, keys and their help come from."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from brats_viewer.display import Crosshair, Layer, Layout, Look, Mouse, Palette, Style
from engine.data import Modality


class Group(StrEnum):
    """A menu, and a heading in the help of keys."""

    FILE = "File"
    CASES = "Cases"
    VIEW = "View"
    LABELS = "Labels"
    COMPARE = "Compare"
    SEGMENT = "Segment"
    TRAIN = "Train"
    HELP = "Help"


@dataclass(frozen=True, slots=True)
class Command:
    """One thing to do. Keys are Qt's portable names; the first is the one a menu shows."""

    id: str
    group: Group
    text: str
    tip: str
    keys: tuple[str, ...] = ()
    icon: str = ""
    short: str = ""
    """The word under which it stands in the toolbar; empty where it is not there."""
    checkable: bool = False
    ends_section: bool = False
    submenu: str = ""
    field: str = ""
    """The field of `Display` that the command sets to `value`, or turns on and off where that is None."""
    value: StrEnum | None = None


def modality_command(modality: Modality) -> str:
    """The id of the command that shows `modality`."""
    return f"show_{modality.lower()}"


_SHOW_MODALITY = tuple(
    Command(
        modality_command(modality),
        Group.VIEW,
        f"Show {modality.display_name}",
        f"Show the {modality.display_name} images",
        keys=(str(number),),
        checkable=True,
        ends_section=number == len(Modality),
    )
    for number, modality in enumerate(Modality, start=1)
)


_Choice = tuple[StrEnum, str, str, str, str, str]
"""A value of a field of `Display`, its text, tip, key, icon and short name."""


def _choices(field: str, group: Group, rows: Iterable[_Choice], submenu: str = "") -> tuple[Command, ...]:
    table = list(rows)
    return tuple(
        Command(
            f"{field}_{value.name.lower()}",
            group,
            text,
            tip,
            keys=(key,) if key else (),
            icon=glyph,
            short=short,
            checkable=True,
            ends_section=value is table[-1][0],
            submenu=submenu,
            field=field,
            value=value,
        )
        for value, text, tip, key, glyph, short in table
    )


_LAYOUTS = _choices(
    "layout",
    Group.VIEW,
    (
        (
            Layout.PLANES,
            "Three planes and surfaces",
            "Axial, coronal and sagittal slices, and the tumour in three dimensions",
            "F2",
            "view-quilt-outline",
            "Planes",
        ),
        (
            Layout.MODALITIES,
            "All images of one plane",
            "T1, T1CE, T2 and FLAIR of the active plane side by side",
            "F3",
            "view-grid-outline",
            "Images",
        ),
        (
            Layout.COMPARISON,
            "Both masks and their difference",
            "The two masks that are compared, and where they differ",
            "F4",
            "compare-horizontal",
            "Compare",
        ),
        (
            Layout.SIDE_BY_SIDE,
            "Two masks side by side",
            "The two masks that are compared, each with the outline of the truth",
            "F5",
            "view-split-vertical",
            "Two",
        ),
    ),
)
_LAYERS = _choices(
    "layer",
    Group.LABELS,
    (
        (Layer.LABELS, "Labels alone", "Lay one mask over the images", "L", "", ""),
        (
            Layer.OUTLINED,
            "With the outline of the other",
            "Lay one mask over the images, and the outline of the one that it is compared with",
            "O",
            "",
            "",
        ),
        (
            Layer.DIFFERENCE,
            "Difference",
            "Show what both masks mark (found), what only the one marks (false) and only the other (missed)",
            "M",
            "",
            "",
        ),
        (
            Layer.UNCERTAINTY,
            "Uncertainty",
            "Show where the network is unsure: the entropy of its mean probability over all passes, in bits",
            "U",
            "",
            "",
        ),
    ),
)
_STYLES = _choices(
    "style",
    Group.LABELS,
    (
        (Style.FILL, "Filled", "Fill what is marked", "", "", ""),
        (Style.OUTLINE, "Outlined", "Draw only the border of what is marked", "", "", ""),
        (Style.BOTH, "Filled and outlined", "Fill what is marked and draw its border", "", "", ""),
    ),
    "Style",
)
_PALETTES = _choices(
    "palette",
    Group.LABELS,
    (
        (Palette.STANDARD, "Usual colours", "Red necrosis, green oedema, yellow enhancement", "", "", ""),
        (
            Palette.COLOUR_BLIND,
            "Colours for every colour vision",
            "Vermilion necrosis, blue oedema, yellow enhancement",
            "",
            "",
            "",
        ),
    ),
    "Colours",
)
_CROSSHAIRS = _choices(
    "crosshair",
    Group.VIEW,
    (
        (Crosshair.THIN, "Thin crosshair", "Draw the crosshair one pixel wide", "", "", ""),
        (Crosshair.THICK, "Thick crosshair", "Draw the crosshair three pixels wide", "", "", ""),
        (Crosshair.NONE, "No crosshair", "Leave the crosshair out", "", "", ""),
    ),
    "Crosshair",
)
_MOUSE = _choices(
    "mouse",
    Group.VIEW,
    (
        (Mouse.LEVELS, "Right button: contrast and brightness", "With Ctrl it zooms", "", "", ""),
        (
            Mouse.ZOOM,
            "Right button: zoom, as in ITK-SNAP and 3D Slicer",
            "With Ctrl it sets contrast and brightness",
            "",
            "",
            "",
        ),
    ),
    "Mouse",
)

_LOOKS = _choices(
    "look",
    Group.VIEW,
    (
        (Look.SYSTEM, "As the system", "Dark or light as the system is", "", "", ""),
        (Look.DARK, "Dark", "A dark window, as reading rooms are", "", "", ""),
        (Look.LIGHT, "Light", "A light window", "", "", ""),
    ),
    "Look",
)

COMMANDS: tuple[Command, ...] = (
    Command(
        "open", Group.FILE, "Open case folder…", "Open the folder of a case", ("Ctrl+O",), "folder-open-outline", "Open"
    ),
    Command("open_file", Group.FILE, "Open case by a file…", "Open the case that an image file belongs to"),
    Command("open_sample", Group.FILE, "Open the sample case", "Open the synthetic case that comes with the viewer"),
    Command(
        "assign",
        Group.FILE,
        "Which file is what…",
        "Correct which of the case's files is taken for which image",
        ends_section=True,
    ),
    Command(
        "save", Group.FILE, "Save mask", "Save the predicted mask", ("Ctrl+S",), "content-save-outline", "Save mask"
    ),
    Command(
        "save_as",
        Group.FILE,
        "Save mask as…",
        "Save the predicted mask under another name or with other integers",
        ("Ctrl+Shift+S",),
        ends_section=True,
    ),
    Command(
        "close_case",
        Group.FILE,
        "Close case",
        "Close the case and go back to the first page",
        ("Ctrl+W",),
        ends_section=True,
    ),
    Command(
        "export_report",
        Group.FILE,
        "Export report…",
        "Write pictures, scores and provenance on one page, as PDF or HTML",
        ("Ctrl+E",),
    ),
    Command("export_scores", Group.FILE, "Export scores…", "Write the scores of the comparison as CSV or JSON"),
    Command(
        "export_view",
        Group.FILE,
        "Export view as picture…",
        "Save what the views show as PNG",
        ("Ctrl+Shift+E",),
        ends_section=True,
    ),
    Command(
        "reopen",
        Group.FILE,
        "Reopen the last case at the start",
        "Begin where the viewer was closed: with the same case, place and layout",
        checkable=True,
        ends_section=True,
    ),
    Command("quit", Group.FILE, "Quit", "Close the viewer", ("Ctrl+Q",)),
    Command(
        "open_cohort",
        Group.CASES,
        "Open folder of cases…",
        "Open a data set: a table of its cases and their scores",
        ("Ctrl+Shift+O",),
    ),
    Command(
        "cohort",
        Group.CASES,
        "Table of cases",
        "Show the table of cases, or hide it",
        ("Ctrl+T",),
        "table",
        "Cases",
        checkable=True,
        ends_section=True,
    ),
    Command("previous_case", Group.CASES, "Previous case", "Open the case before this one in the table", ("[",)),
    Command("next_case", Group.CASES, "Next case", "Open the case after this one in the table", ("]",)),
    *_LAYOUTS,
    Command("plane", Group.VIEW, "Next plane", "Make the next plane the active one", ("Z",), ends_section=True),
    *_SHOW_MODALITY,
    Command(
        "crosshair",
        Group.VIEW,
        "Crosshair",
        "Show the crosshair, or hide it",
        ("X",),
        "crosshairs",
        "Crosshair",
        checkable=True,
    ),
    *_CROSSHAIRS,
    *_MOUSE,
    *_LOOKS,
    Command(
        "radiological",
        Group.VIEW,
        "Radiological sides",
        "Show the patient's right at the left of the screen, as if seen from the feet",
        checkable=True,
        field="radiological",
    ),
    Command(
        "smooth",
        Group.VIEW,
        "Smooth images",
        "Interpolate the images between voxels, or show each voxel as it is",
        ("I",),
        checkable=True,
        field="smooth",
    ),
    Command(
        "scale_bar",
        Group.VIEW,
        "Scale bar",
        "Show a bar of known length in each view",
        checkable=True,
        field="scale_bar",
        ends_section=True,
    ),
    Command(
        "usual_window",
        Group.VIEW,
        "Usual brightness and contrast",
        "From the brain's 1st to 99.5th percentile",
        keys=("Alt+1",),
        checkable=True,
        submenu="Brightness and contrast",
    ),
    Command(
        "narrow_window",
        Group.VIEW,
        "Strong contrast",
        "The middle of the brain's intensities over the whole grey",
        keys=("Alt+2",),
        checkable=True,
        submenu="Brightness and contrast",
    ),
    Command(
        "wide_window",
        Group.VIEW,
        "Weak contrast",
        "Wide enough that nothing in the brain is white or black",
        keys=("Alt+3",),
        checkable=True,
        submenu="Brightness and contrast",
    ),
    Command(
        "bright_window",
        Group.VIEW,
        "Enhancement",
        "Only the brightest of the brain: for contrast agent and oedema",
        keys=("Alt+4",),
        checkable=True,
        submenu="Brightness and contrast",
        ends_section=True,
    ),
    Command(
        "reset",
        Group.VIEW,
        "Reset views",
        "Fit the images into the views and go back to their own brightness and contrast",
        ("R",),
        "fit-to-screen-outline",
        "Reset",
    ),
    Command(
        "overlay",
        Group.LABELS,
        "Show labels",
        "Lay the labels over the images, or hide them",
        ("S",),
        "layers-outline",
        "Labels",
        checkable=True,
    ),
    Command("less_opacity", Group.LABELS, "Fainter labels", "Make the labels more transparent", ("A",)),
    Command(
        "more_opacity", Group.LABELS, "Stronger labels", "Make the labels less transparent", ("D",), ends_section=True
    ),
    *_LAYERS,
    *_STYLES,
    Command(
        "by_region",
        Group.LABELS,
        "By region",
        "Name and hide the nested regions (whole tumour, core, enhancing) in place of the labels",
        ("V",),
        checkable=True,
        field="by_region",
        ends_section=True,
    ),
    *_PALETTES,
    Command(
        "tumour", Group.LABELS, "Go to the tumour", "Move the crosshair to the largest slice of the labels", ("G",)
    ),
    Command(
        "uncertain",
        Group.LABELS,
        "Go to the most uncertain place",
        "Move the crosshair to where the network is least sure",
        ("Shift+U",),
    ),
    Command(
        "open_labels",
        Group.COMPARE,
        "Open another mask…",
        "Open another mask of this case to compare with: a second reader's or a model's; or drop its file here",
        ("Ctrl+Shift+M",),
        ends_section=True,
    ),
    Command("swap", Group.COMPARE, "Show the other mask", "Change between the two masks that are compared", ("T",)),
    Command(
        "flicker",
        Group.COMPARE,
        "Flicker",
        "Show the other mask for as long as the key is held",
        ("F",),
        ends_section=True,
    ),
    Command(
        "worst",
        Group.COMPARE,
        "Worst slice",
        "Go to the slice with the lowest Dice, those of very little tumour aside",
        ("W",),
    ),
    Command("error", Group.COMPARE, "Next error", "Go to the next slice where the two masks differ", ("N",)),
    Command(
        "largest", Group.COMPARE, "Largest tumour slice", "Go to the slice of the active plane with most tumour", ("B",)
    ),
    Command(
        "segment",
        Group.SEGMENT,
        "Segment the case",
        "Predict the tumour's labels",
        ("Ctrl+Return", "Ctrl+Enter"),
        "brain",
        "Segment",
    ),
    Command(
        "cancel", Group.SEGMENT, "Stop segmenting", "Stop the running segmentation", ("Ctrl+.",), "stop-circle-outline"
    ),
    Command(
        "train",
        Group.TRAIN,
        "Train a model…",
        "Train a model on a folder of cases, or on synthetic ones",
        ("Ctrl+Shift+N",),
    ),
    Command(
        "training",
        Group.TRAIN,
        "Trainings",
        "Show the trainings and their curves, or go back to the case",
        ("F6",),
        "chart-line",
        "Training",
        checkable=True,
        ends_section=True,
    ),
    Command("open_run", Group.TRAIN, "Open a run…", "Open the folder of a training that was made elsewhere"),
    Command("pause_training", Group.TRAIN, "Pause or go on", "Let the watched training stand still, or go on"),
    Command("stop_training", Group.TRAIN, "Stop training", "End the watched training, and keep what it has learnt"),
    Command("resume_training", Group.TRAIN, "Resume training", "Go on with the watched training where it stopped"),
    Command("keys", Group.HELP, "Keys and mouse", "Every key and what the mouse does", ("F1",), "keyboard-outline"),
    Command("about", Group.HELP, "About BraTS Viewer", "Version, licences, and what it is not for"),
)
