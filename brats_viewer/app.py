"""The main window: lays the parts out, binds the commands, and lets go of everything when it closes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QPaintEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMainWindow,
    QMenu,
    QScrollArea,
    QStackedWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from brats_viewer.actions import Group, fill_menus, fill_toolbar, make_actions, modality_command
from brats_viewer.conversation import Conversation
from brats_viewer.dialogs.about_dialog import AboutDialog
from brats_viewer.dialogs.keys_dialog import KeysDialog
from brats_viewer.panels.case_panel import CasePanel
from brats_viewer.panels.cursor_bar import CursorBar
from brats_viewer.panels.loading_page import LoadingPage
from brats_viewer.panels.notice_bar import NoticeBar
from brats_viewer.panels.overlay_panel import OverlayPanel
from brats_viewer.panels.result_panel import ResultPanel
from brats_viewer.panels.segment_panel import SegmentPanel
from brats_viewer.panels.start_page import StartPage
from brats_viewer.session import Overlay, Session
from brats_viewer.settings import Settings
from brats_viewer.views import TriPlanarView
from engine.data import Modality
from engine.resources import resource

COLUMN_WIDTH = 348
OPACITY_STEP = 0.1


class MainWindow(QMainWindow):
    """The viewer's one window."""

    unexpected = Signal(str, str)
    """A line and a traceback of a bug, from whatever thread, for the notice bar."""

    def __init__(self, session: Session, settings: Settings) -> None:
        super().__init__()
        self.session, self.settings = session, settings
        self.conversation = Conversation(session, settings, self)
        self.notice = NoticeBar(session)
        self.start_page, self.loading_page = StartPage(), LoadingPage(session)
        self.views = TriPlanarView(session)
        self.case_panel, self.overlay_panel = CasePanel(session), OverlayPanel(session)
        self.segment_panel, self.result_panel = SegmentPanel(session), ResultPanel(session)
        self.cursor_bar = CursorBar(session)
        self.actions_by_id = make_actions(self)
        self._given_up = self._warmed = self._was_segmenting = False
        self._lay_out()
        self._bind_commands()
        self._follow_session()
        self._restore_settings()
        self._show_state()

    # Layout

    def _lay_out(self) -> None:
        self.setWindowTitle("BraTS Viewer")
        self.setMinimumSize(720, 480)
        self.setAcceptDrops(True)
        menus = fill_menus(self.menuBar(), self.actions_by_id)
        self._recent_menu = QMenu("Open recent", self)
        self._recent_menu.setToolTipsVisible(True)
        menus[Group.FILE].insertMenu(self.actions_by_id["open_sample"], self._recent_menu)
        self._toolbar = QToolBar("Tools", self)
        self._toolbar.setMovable(False)
        self._toolbar.setIconSize(QSize(18, 18))
        self._toolbar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._toolbar.toggleViewAction().setVisible(False)
        fill_toolbar(self._toolbar, self.actions_by_id)
        self.addToolBar(self._toolbar)
        self._pages = QStackedWidget()
        for page in (self.start_page, self.loading_page, self.views):
            self._pages.addWidget(page)
        left, middle = QVBoxLayout(), QWidget()
        left.setSpacing(0)
        left.addWidget(self.notice)
        left.addWidget(self._pages, 1)
        row = QHBoxLayout(middle)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addLayout(left, 1)
        row.addWidget(self._lay_out_column())
        self.setCentralWidget(middle)
        self.statusBar().setSizeGripEnabled(False)
        self.statusBar().addWidget(self.cursor_bar, 1)

    def _lay_out_column(self) -> QScrollArea:
        content = QWidget()
        content.setObjectName("column")
        column = QVBoxLayout(content)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(8)
        for panel in (self.case_panel, self.overlay_panel, self.segment_panel, self.result_panel):
            column.addWidget(panel)
        column.addStretch(1)
        self._column = QScrollArea()
        self._column.setWidgetResizable(True)
        self._column.setFixedWidth(COLUMN_WIDTH)
        self._column.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._column.setWidget(content)
        return self._column

    # Commands

    def _bind_commands(self) -> None:
        session, conversation = self.session, self.conversation
        handlers: dict[str, Callable[[], object]] = {
            "open": conversation.choose_folder,
            "open_file": conversation.choose_file,
            "open_sample": self._open_sample,
            "assign": conversation.reassign,
            "save": conversation.save,
            "save_as": conversation.save_as,
            "quit": self.close,
            "overlay": lambda: session.set_overlay_shown(not session.overlay_shown),
            "swap": self._swap_overlay,
            "less_opacity": lambda: session.set_opacity(session.opacity - OPACITY_STEP),
            "more_opacity": lambda: session.set_opacity(session.opacity + OPACITY_STEP),
            "crosshair": self._show_crosshair,
            "radiological": self._show_sides,
            "tumour": session.go_to_tumour,
            "reset": self._reset,
            "segment": conversation.segment,
            "cancel": session.segmenting.cancel,
            "keys": lambda: KeysDialog(self).open(),
            "about": lambda: AboutDialog(self).open(),
            **{modality_command(modality): partial(session.set_modality, modality) for modality in Modality},
        }
        for command, action in self.actions_by_id.items():
            action.triggered.connect(handlers[command])
        self.start_page.open_asked.connect(conversation.choose_folder)
        self.start_page.sample_asked.connect(self._open_sample)
        self.start_page.recent_asked.connect(session.open)
        self.case_panel.assign_asked.connect(conversation.reassign)
        self.segment_panel.segment_asked.connect(conversation.segment)
        self.result_panel.save_asked.connect(conversation.save)
        self.unexpected.connect(self.notice.show_line)

    def _open_sample(self) -> None:
        self.session.open(sample_case())

    def _swap_overlay(self) -> None:
        other = Overlay.TRUTH if self.session.overlay is Overlay.PREDICTION else Overlay.PREDICTION
        if self.session.label_map(other):
            self.session.set_overlay(other)

    def _reset(self) -> None:
        self.views.reset_view()
        self.session.reset_levels()

    def _show_crosshair(self) -> None:
        self.views.set_crosshair_shown(self.actions_by_id["crosshair"].isChecked())

    def _show_sides(self) -> None:
        self.views.set_radiological(self.actions_by_id["radiological"].isChecked())

    # What the session says

    def _follow_session(self) -> None:
        session = self.session
        session.case_changed.connect(self._remember_case)
        session.segmenting.changed.connect(self._reveal)
        for changed in (
            session.case_changed,
            session.prediction_changed,
            session.modality_changed,
            session.overlay_changed,
            session.plan_changed,
            session.engine_surveyed,
            session.opening.changed,
            session.segmenting.changed,
            session.saving.changed,
        ):
            changed.connect(self._show_state)

    def _show_state(self) -> None:
        session, action = self.session, self.actions_by_id
        here = session.case is not None
        self._pages.setCurrentWidget(self._page())
        self._column.setVisible(here)
        self.setWindowTitle(f"{session.case.id}[*] – BraTS Viewer" if session.case else "BraTS Viewer")
        self.setWindowModified(session.has_unsaved_prediction)
        for modality in Modality:
            show = action[modality_command(modality)]
            show.setEnabled(session.case is not None and modality in session.case.images)
            show.setChecked(here and modality is session.modality)
        both = all(session.label_map(overlay) for overlay in Overlay)
        action["overlay"].setChecked(session.overlay_shown)
        action["overlay"].setEnabled(session.label_map(session.overlay) is not None)
        action["swap"].setEnabled(both)
        action["tumour"].setEnabled(session.overlay_labels() is not None)
        for command in ("assign", "reset", "crosshair", "radiological", "less_opacity", "more_opacity"):
            action[command].setEnabled(here)
        masked = session.prediction is not None and not session.saving.is_running
        action["save"].setEnabled(masked and session.has_unsaved_prediction)
        action["save_as"].setEnabled(masked)
        action["segment"].setEnabled(session.can_segment)
        action["cancel"].setEnabled(session.segmenting.is_running and not session.segmenting.is_stopping)

    def _page(self) -> QWidget:
        """A case stays in view while a folder is only being looked into, since that may end there."""
        progress, here = self.session.opening.progress, self.session.case is not None
        if progress and (progress.total or not here):
            return self.loading_page
        return self.views if here else self.start_page

    def _reveal(self) -> None:
        """Bring into view what has just begun or ended, where the column is longer than the window."""
        lane = self.session.segmenting
        if lane.is_running is not self._was_segmenting:
            self._was_segmenting = lane.is_running
            panel = self.result_panel if self.session.prediction and not lane.is_running else self.segment_panel
            QTimer.singleShot(0, panel, partial(self._column.ensureWidgetVisible, panel, 0, 8))

    def _remember_case(self) -> None:
        case = self.session.case
        if case and self.session.opened_path and case.files.folder != sample_case():
            self.settings.add_recent_case(self.session.opened_path)
        self._show_recent()

    def _show_recent(self) -> None:
        recent = self.settings.recent_cases
        self.start_page.set_recent(recent)
        self._recent_menu.clear()
        for path in recent:
            entry = self._recent_menu.addAction(path.name)
            entry.setToolTip(str(path))
            entry.triggered.connect(partial(self.session.open, path))
        if recent:
            self._recent_menu.addSeparator()
            self._recent_menu.addAction("Forget these").triggered.connect(self._forget_recent)
        self._recent_menu.setEnabled(bool(recent))

    def _forget_recent(self) -> None:
        self.settings.clear_recent_cases()
        self._show_recent()

    # Settings

    def _restore_settings(self) -> None:
        settings, action = self.settings, self.actions_by_id
        if not self.restoreGeometry(settings.geometry):
            self.resize(1400, 900)
        self.session.set_opacity(settings.opacity)
        self.session.set_plan(settings.model, settings.device, settings.tta)
        action["crosshair"].setChecked(settings.crosshair)
        action["radiological"].setChecked(settings.radiological)
        self._show_crosshair()
        self._show_sides()
        self._show_recent()

    def _store_settings(self) -> None:
        settings, plan = self.settings, self.session.plan
        settings.geometry = self.saveGeometry()
        settings.opacity = self.session.opacity
        settings.crosshair = self.actions_by_id["crosshair"].isChecked()
        settings.radiological = self.actions_by_id["radiological"].isChecked()
        settings.model, settings.device, settings.tta = plan.model, plan.device, plan.tta

    # Events

    def paintEvent(self, event: QPaintEvent) -> None:
        """Begin to warm the engine up once the window is on the screen, and not before."""
        super().paintEvent(event)
        if not self._warmed:
            self._warmed = True
            QTimer.singleShot(0, self.session.survey)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about an unsaved mask; then stop all work and end the engine's process."""
        if self.session.has_unsaved_prediction and not self._given_up:
            event.ignore()
            self.conversation.leave(self._give_up)
            return
        self._store_settings()
        self.hide()
        self.session.close()
        event.accept()

    def _give_up(self) -> None:
        self._given_up = True
        self.close()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a folder or a file."""
        if dropped_path(event):
            event.acceptProposedAction()
            self.start_page.set_drop_active(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """What was dragged went elsewhere."""
        self.start_page.set_drop_active(False)

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        self.start_page.set_drop_active(False)
        path = dropped_path(event)
        if path:
            event.acceptProposedAction()
            self.session.open(path)


def sample_case() -> Path:
    """The folder of the synthetic case that comes with the viewer."""
    return next(path for path in sorted(resource("sample").iterdir()) if path.is_dir())


def dropped_path(event: QDropEvent) -> Path | None:
    """The first file or folder of a drop; None if it is neither."""
    paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return paths[0] if paths else None
