"""How a training goes: by which preset, on which images, for how long, from which weights, where, validated on what."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QStackedWidget, QWidget

from brats_viewer.controls import Card, Line, Picker, Segments, button
from brats_viewer.dialogs.train_fields import SettingField, Ticks, add_row, form
from brats_viewer.names import gigabytes
from brats_viewer.remote import AUTO_DEVICE, Device, Model
from brats_viewer.training_plan import LENGTH_WORDS, PRESET_WORDS, SETTINGS, TrainingPlan, length_kind
from engine.data import Modality
from engine.runs.settings import ALL_MODALITIES

_OTHER_MODEL = "another model…"
_NOTHING = ""
_BY_CHANCE, _FOLD, _FILE = "chance", "fold", "file"
_SPLITS = {
    _BY_CHANCE: ("60 / 20 / 20", "60 % train, 20 % validate, 20 % are kept for a test; drawn by chance from the seed"),
    _FOLD: ("A fold", "One fold of several is kept for a test; to be repeated with each of them"),
    _FILE: ("From a file", "A split.json that says which cases train, validate and test: that of another run, for one"),
}
_LENGTH_TIP = "How long the training is: in epochs, hours or steps of the optimiser"
_NAME_TIP = "What the run and its model are called; the run's folder has this name"
_FOLD_TIP = "Which fold of how many is kept for a test, as 2/5"
_START_TIP = "With which weights the training begins: those of a model reach further in less time than random ones"
_DEVICE_TIP = "Where the training computes, and how much memory is free there now"


class RecipeCard(Card):
    """Everything that a training is usually decided by."""

    preset_chosen = Signal(str)
    modalities_chosen = Signal(object)
    length_chosen = Signal(str, object)
    """In "epochs", "hours" or "steps", and how many of them."""
    init_chosen = Signal(object)
    device_chosen = Signal(str)
    split_chosen = Signal(object, object)
    """A fold as "2/5", or None, and the path of a file, or None."""
    folder_chosen = Signal(object)
    """The path of the run's folder."""
    problem_changed = Signal()

    def __init__(self, models: Sequence[Model], devices: Sequence[Device]) -> None:
        super().__init__("Training")
        self._models, self._devices = models, devices
        self._plan: TrainingPlan | None = None
        self._other_init: str | None = None
        self._named = ""
        self._preset, self._sentence = Segments("Preset", PRESET_WORDS), Line(tone="muted")
        self._modalities = Ticks("Images", {m: (m.display_name, _image_tip(m)) for m in ALL_MODALITIES})
        self._length = Segments("Length", LENGTH_WORDS, quiet=True)
        self._lengths = {kind: SettingField(SETTINGS[kind]) for kind in LENGTH_WORDS}
        self._amount = QStackedWidget()
        self._init, self._device = Picker(), Picker()
        self._split, self._fold = Segments("Split", _SPLITS, quiet=True), QLineEdit()
        self._split_file = Line(tone="muted")
        self._name, self._place = QLineEdit(), button("Elsewhere…", "link", "Choose where the run's folder is made")
        self._parent = Line(tone="muted")
        self._lay_out()
        self._preset.chosen.connect(self.preset_chosen)
        self._modalities.ticked.connect(self._tell_modalities)
        self._length.chosen.connect(self._tell_length_kind)
        for field in self._lengths.values():
            field.edited.connect(self.length_chosen)
            field.problem_changed.connect(self.problem_changed)
        self._init.activated.connect(self._tell_init)
        self._device.activated.connect(lambda: self.device_chosen.emit(self._device.currentData()))
        self._split.chosen.connect(self._tell_split)
        self._fold.editingFinished.connect(lambda: self.split_chosen.emit(self._fold.text().strip(), None))
        self._name.textEdited.connect(self._tell_name)
        self._place.clicked.connect(self._choose_place)

    def _lay_out(self) -> None:
        self.body.addWidget(self._preset)
        self.body.addWidget(self._sentence)
        grid = form()
        for field in self._lengths.values():
            self._amount.addWidget(field)
        self._fold.setMaximumWidth(80)
        self._fold.setPlaceholderText("1/5")
        self._fold.setToolTip(_FOLD_TIP)
        self._fold.setAccessibleName("Fold")
        self._name.setMinimumWidth(180)
        add_row(grid, "Images", self._modalities, "What the network is shown of each case; a case must have them all")
        add_row(grid, "Length", _beside(self._length, self._amount), _LENGTH_TIP)
        add_row(grid, "Start from", self._init, _START_TIP)
        add_row(grid, "Device", self._device, _DEVICE_TIP)
        self._split_label = add_row(
            grid, "Split", _beside(self._split, self._fold), "Which cases train, which validate, which are for a test"
        )
        grid.addWidget(self._split_file, grid.rowCount(), 1)
        add_row(grid, "Name", _beside(self._name, self._place), _NAME_TIP)
        self._name.setAccessibleName("Name")
        self._name.setToolTip(_NAME_TIP)
        grid.addWidget(self._parent, grid.rowCount(), 1)
        self.body.addLayout(grid)

    @property
    def problem(self) -> str:
        """Why what is typed cannot be read, as a line; empty where it can."""
        length = self._lengths[length_kind(self._plan.config)].problem if self._plan else ""
        return length or name_problem(self._name.text().strip())

    def show_plan(self, plan: TrainingPlan, free_bytes: Mapping[str, int]) -> None:
        """Show what is set."""
        self._plan = plan
        config, source, kind = plan.config, plan.source, length_kind(plan.config)
        self._preset.show_choice(plan.preset)
        self._sentence.setText(PRESET_WORDS[plan.preset][1])
        self._modalities.show_ticked(config.modalities)
        self._length.show_choice(kind)
        self._length.show_hindrances(_length_hindrances(plan))
        self._amount.setCurrentWidget(self._lengths[kind])
        self._lengths[kind].show_value(config)
        self._show_init(source.init)
        self._show_devices(source.device, free_bytes)
        mine = source.dataset is not None
        split = _FILE if source.split else _FOLD if source.fold is not None else _BY_CHANCE
        self._split.show_choice(split)
        self._fold.setVisible(split == _FOLD)
        if source.fold is not None and self._fold.text().strip() != source.fold:
            self._fold.setText(source.fold)
        self._split_file.setText(str(source.split) if source.split else "")
        for part in (self._split_label, self._split):
            part.setEnabled(mine)
        if plan.folder.name != self._named:  # else what is typed stays, also where it cannot be a name
            self._named = plan.folder.name
            self._name.setText(self._named)
        self._parent.setText(f"in {plan.folder.parent}")

    def _show_init(self, init: str | None) -> None:
        known = [(f"The model “{model.title}”", model.name) for model in self._models]
        if init and init not in [name for _, name in known]:
            self._other_init = init
        if self._other_init:
            known.append((f"The model in {self._other_init}", self._other_init))
        self._init.offer([*known, (_OTHER_MODEL.capitalize(), _OTHER_MODEL), ("Nothing: random weights", _NOTHING)])
        self._init.setCurrentIndex(self._init.findData(init or _NOTHING))

    def _show_devices(self, device: str, free_bytes: Mapping[str, int]) -> None:
        fastest = free_bytes.get(self._devices[0].name) if self._devices else None
        names = [(_with_memory("Automatic: the fastest", fastest), AUTO_DEVICE)]
        names += [(_with_memory(known.title, free_bytes.get(known.name)), known.name) for known in self._devices]
        self._device.offer(names)
        self._device.setCurrentIndex(max(self._device.findData(device), 0))

    # What a person does

    def _tell_modalities(self, names: Sequence[str]) -> None:
        self.modalities_chosen.emit(tuple(Modality(name) for name in names))

    def _tell_length_kind(self, kind: str) -> None:
        usual = {"epochs": 60.0, "hours": 1.0, "steps": 3000.0}
        self.length_chosen.emit(kind, usual[kind])
        self._lengths[kind].setFocus()

    def _tell_init(self) -> None:
        chosen = self._init.currentData()
        if chosen == _OTHER_MODEL:
            chosen = QFileDialog.getExistingDirectory(self, "Choose the folder of a model (it holds a model.json)")
        if chosen is not None and self._plan:
            self.init_chosen.emit(chosen or (None if self._init.currentData() == _NOTHING else self._plan.source.init))

    def _tell_split(self, kind: str) -> None:
        if kind == _FILE:
            name, _ = QFileDialog.getOpenFileName(self, "Choose a split", "", "Splits (*.json)")
            self.split_chosen.emit(None, Path(name) if name else None)
        else:
            self.split_chosen.emit("1/5" if kind == _FOLD else None, None)

    def _tell_name(self, name: str) -> None:
        if self._plan and not name_problem(name.strip()):
            self._named = name.strip()
            self.folder_chosen.emit(self._plan.folder.parent / name.strip())
        else:
            self.problem_changed.emit()

    def _choose_place(self) -> None:
        if self._plan:
            start = str(self._plan.folder.parent)
            folder = QFileDialog.getExistingDirectory(self, "Choose where the run's folder is made", start)
            if folder:
                self.folder_chosen.emit(Path(folder) / self._plan.folder.name)


def name_problem(name: str) -> str:
    """Why nothing can be called so on any system, as a line; empty where it can.

    >>> name_problem("T1CE, 2 mm"), name_problem("a/b")
    ('', 'The name has /, which no folder can have in its name')
    """
    wrong = next((sign for sign in name if sign in '/\\:*?"<>|'), "")
    if wrong:
        return f"The name has {wrong}, which no folder can have in its name"
    return "" if name.strip(".") else "Give the training a name"


def _length_hindrances(plan: TrainingPlan) -> dict[str, str]:
    """Which lengths cannot be chosen, and why."""
    hindrances = {}
    if plan.source.dataset is None:
        hindrances["epochs"] = "An epoch is once through your cases; synthetic ones never end"
    if plan.config.optimiser == "ranger21":
        hindrances["hours"] = "Ranger21 lays its schedule out over steps, so a time cannot be given"
    return hindrances


def _with_memory(title: str, free: int | None) -> str:
    return title if free is None else f"{title}, {gigabytes(free)} free"


def _image_tip(modality: Modality) -> str:
    return f"Train on {modality.display_name} images; every case must have one"


def _beside(*parts: QWidget) -> QWidget:
    """Widgets in a row, of which the first takes the room."""
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(10)
    for place, part in enumerate(parts):
        row.addWidget(part, 1 if place == 0 else 0)
    holder.setFocusProxy(parts[0])
    return holder
