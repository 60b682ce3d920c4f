"""The main window: lays the parts out, binds the commands, and lets go of everything when it closes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QMainWindow,
    QMenu,
    QScrollArea,
    QStackedWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from brats_viewer.actions import fill_menus, fill_toolbar, make_actions
from brats_viewer.cohort_conversation import CohortConversation
from brats_viewer.cohort_session import CohortSession
from brats_viewer.commands import Group
from brats_viewer.controls import RunningLine
from brats_viewer.conversation import Conversation
from brats_viewer.dialogs.about_dialog import AboutDialog
from brats_viewer.dialogs.keys_dialog import KeysDialog
from brats_viewer.panels.case_panel import CasePanel
from brats_viewer.panels.cohort_panel import CohortPanel
from brats_viewer.panels.comparison_panel import ComparisonPanel
from brats_viewer.panels.cursor_bar import CursorBar
from brats_viewer.panels.loading_page import LoadingPage
from brats_viewer.panels.notice_bar import NoticeBar
from brats_viewer.panels.overlay_panel import OverlayPanel
from brats_viewer.panels.result_panel import ResultPanel
from brats_viewer.panels.segment_panel import SegmentPanel
from brats_viewer.panels.start_page import StartPage
from brats_viewer.panels.training_notice import TrainingIndicator, TrainingNotice
from brats_viewer.review import Review
from brats_viewer.session import Session
from brats_viewer.settings import Place, Settings
from brats_viewer.theme import Theme
from brats_viewer.thumbnails import forget_thumbnails, keep_thumbnail, thumbnail_path
from brats_viewer.training import Run
from brats_viewer.training_conversation import TrainingConversation
from brats_viewer.training_session import TrainingSession
from brats_viewer.view_commands import ViewCommands
from brats_viewer.views import SliceGrid
from brats_viewer.views.box_plot import BoxPlot
from brats_viewer.views.slice_strip import SliceStrip
from engine.resources import resource
from engine.runs.state import Stage

if TYPE_CHECKING:
    from brats_viewer.panels.training_panel import TrainingPanel

COLUMN_WIDTH = 348
SAID_FOR_MS = 5000
WORDS_FROM_PX = 1180
"""A window that is narrower has icons alone in its toolbar."""


class MainWindow(QMainWindow):
    """The viewer's one window."""

    unexpected = Signal(str, str)
    """A line and a traceback of a bug, from whatever thread, for the notice bar."""

    def __init__(self, session: Session, settings: Settings, theme: Theme | None = None) -> None:
        super().__init__()
        self.session, self.settings, self._theme = session, settings, theme
        self.cohort = CohortSession(session.run_isolated, session)
        self.training = TrainingSession(session.run_isolated, session.free_engine, settings.runs_elsewhere, session)
        self.conversation = Conversation(session, settings, self)
        self.notice = NoticeBar(session)
        self.start_page, self.loading_page = StartPage(), LoadingPage(session)
        self.views = SliceGrid(session)
        self.case_panel, self.overlay_panel = CasePanel(session), OverlayPanel(session)
        self.segment_panel, self.result_panel = SegmentPanel(session), ResultPanel(session)
        self.comparison_panel = ComparisonPanel(session)
        self.cursor_bar = CursorBar(session)
        self._exporting = RunningLine(session.exporting)
        self.actions_by_id = make_actions(self)
        self.cohort_conversation = CohortConversation(self.cohort, session, settings, self)
        self.cohort_panel = CohortPanel(self.cohort, BoxPlot(self.cohort))
        self.training_conversation = TrainingConversation(self.training, session, settings, self)
        self.training_notice = TrainingNotice(self.training)
        self._training_panel: TrainingPanel | None = None
        self.strip = SliceStrip(session)
        self._given_up = self._warmed = self._was_segmenting = self._trainings_left = False
        self._place: Place | None = None
        self._lay_out()
        self.view_commands = ViewCommands(session, self.views, self.actions_by_id, self)
        self.review = Review(session, self.cohort, self.conversation.consider, self.view_commands.go_to_worst_slice)
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
        self._toolbar.setObjectName("tools")
        self._toolbar.setMovable(False)
        self._toolbar.setIconSize(QSize(18, 18))
        self._toolbar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._toolbar.toggleViewAction().setVisible(False)
        fill_toolbar(self._toolbar, self.actions_by_id)
        self.addToolBar(self._toolbar)
        self._case_page = QWidget()
        below = QVBoxLayout(self._case_page)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(0)
        below.addWidget(self.views, 1)
        below.addWidget(self.strip)
        self._pages = QStackedWidget()
        for page in (self.start_page, self.loading_page, self._case_page):
            self._pages.addWidget(page)
        left, middle = QVBoxLayout(), QWidget()
        left.setSpacing(0)
        left.addWidget(self.notice)
        left.addWidget(self.training_notice)
        left.addWidget(self._pages, 1)
        row = QHBoxLayout(middle)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addLayout(left, 1)
        row.addWidget(self._lay_out_column())
        self.setCentralWidget(middle)
        self.statusBar().setSizeGripEnabled(False)
        self.statusBar().addWidget(self.cursor_bar, 1)
        self._indicator = TrainingIndicator(self.training)
        self.statusBar().addPermanentWidget(self._indicator)
        self._exporting.setFixedWidth(COLUMN_WIDTH)
        self._exporting.setContentsMargins(0, 0, 8, 0)
        self.statusBar().addPermanentWidget(self._exporting)
        self._dock = QDockWidget("Cases", self)
        self._dock.setObjectName("cohort")
        self._dock.setAllowedAreas(Qt.DockWidgetArea.BottomDockWidgetArea | Qt.DockWidgetArea.TopDockWidgetArea)
        self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self._dock)
        self._dock.setWidget(self.cohort_panel)
        self._dock.hide()

    def _lay_out_column(self) -> QScrollArea:
        content = QWidget()
        content.setObjectName("column")
        column = QVBoxLayout(content)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(8)
        for panel in (
            self.case_panel,
            self.overlay_panel,
            self.segment_panel,
            self.result_panel,
            self.comparison_panel,
        ):
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
            "close_case": lambda: conversation.leave(partial(session.set_case, None)),
            "export_report": conversation.export_report,
            "export_scores": conversation.export_scores,
            "export_view": lambda: conversation.export_view(self.views),
            "quit": self.close,
            "open_cohort": self._choose_cohort,
            "cohort": lambda: self._dock.setVisible(self._dock.isHidden()),
            "previous_case": self.review.previous,
            "next_case": self.review.next,
            "open_labels": conversation.open_labels,
            "segment": conversation.segment,
            "cancel": session.segmenting.cancel,
            "train": self.training_conversation.train,
            "training": self._show_trainings,
            "open_run": self._open_run,
            "pause_training": self.training.pause_or_go,
            "stop_training": self.training.stop,
            "resume_training": self.training.resume,
            "keys": lambda: KeysDialog(self, mouse=session.display.mouse).open(),
            "about": lambda: AboutDialog(self).open(),
        }
        for command, handle in handlers.items():
            self.actions_by_id[command].triggered.connect(handle)
        conversation.failed.connect(self.notice.show_line)
        conversation.exported.connect(lambda path: self.statusBar().showMessage(f"Saved {path}", SAID_FOR_MS))
        self.strip.slice_asked.connect(session.go_to_slice)
        view, comparison = self.view_commands, self.comparison_panel
        self.start_page.open_asked.connect(conversation.choose_folder)
        self.start_page.cohort_asked.connect(self._choose_cohort)
        self.start_page.sample_asked.connect(self._open_sample)
        self.start_page.recent_asked.connect(session.open)
        self.case_panel.assign_asked.connect(conversation.reassign)
        self.overlay_panel.uncertain_asked.connect(view.go_to_most_uncertain)
        self.segment_panel.segment_asked.connect(conversation.segment)
        self.result_panel.save_asked.connect(conversation.save)
        comparison.open_labels_asked.connect(conversation.open_labels)
        comparison.place_asked.connect(session.set_cursor)
        comparison.worst_asked.connect(view.go_to_worst_slice)
        comparison.error_asked.connect(view.go_to_next_error)
        comparison.largest_asked.connect(view.go_to_largest_slice)
        panel = self.cohort_panel
        panel.open_asked.connect(self._choose_cohort)
        panel.results_asked.connect(self.cohort_conversation.choose_results)
        panel.evaluate_asked.connect(self.cohort_conversation.evaluate)
        panel.save_asked.connect(self.cohort_conversation.save_table)
        self._bind_training()
        self.unexpected.connect(self.notice.show_line)

    def _bind_training(self) -> None:
        self.training_conversation.cases_asked.connect(self._open_training_cases)
        self.training_notice.results_asked.connect(self.training_conversation.show_results)
        self.training.run_ended.connect(self._show_ended)
        for shows in (self.training_notice, self._indicator):
            shows.watch_asked.connect(self.watch_training)
        self.training.run_started.connect(lambda run: self.watch_training(run.folder))
        for changed in (self.training.runs_changed, self.training.watched_changed, self.training.starting.changed):
            changed.connect(self._show_state)

    @property
    def training_panel(self) -> "TrainingPanel":
        """The page of trainings, made when it is first shown: what draws its charts takes a moment to load."""
        if self._training_panel is None:
            from brats_viewer.panels.training_panel import TrainingPanel

            page, conversation = TrainingPanel(self.training), self.training_conversation
            page.set_palette(self.session.display.palette)
            page.train_asked.connect(conversation.train)
            page.open_asked.connect(self._open_run)
            page.back_asked.connect(self._leave_training)
            page.head.results_asked.connect(conversation.show_results)
            page.head.evaluate_asked.connect(conversation.show_cases)
            page.head.use_asked.connect(conversation.use)
            page.head.use_asked.connect(self._leave_training)
            page.head.folder_asked.connect(conversation.show_folder)
            self._pages.addWidget(page)
            self._training_panel = page
        return self._training_panel

    def watch_training(self, folder: Path) -> None:
        """Show the page of trainings with the run in `folder`."""
        self.training.watch(folder)
        self.actions_by_id["training"].setChecked(True)
        self._show_state()

    def _show_ended(self, run: Run) -> None:
        """Show the results of a training that is looked at; elsewhere the notice leads to them."""
        looked_at = self._pages.currentWidget() is self._training_panel and run == self.training.watched
        if looked_at and run.stage is Stage.FINISHED:
            self.training_notice.hide()
            self.training_conversation.show_results(run)

    def _show_trainings(self) -> None:
        """Show the page of trainings or leave it; the latest run is watched where none is."""
        if self.training.watched is None and self.training.runs:
            self.training.watch(self.training.runs[0].folder)
        self._show_state()

    def _leave_training(self) -> None:
        self.actions_by_id["training"].setChecked(False)
        self._show_state()

    def _open_run(self) -> None:
        if self.training_conversation.open_run():
            self.actions_by_id["training"].setChecked(True)
            self._show_state()

    def _open_training_cases(self, dataset: Path) -> None:
        self._leave_training()
        self.open_cohort(dataset)

    def _open_sample(self) -> None:
        self.session.open(sample_case())

    def _choose_cohort(self) -> None:
        if self.cohort_conversation.choose_folder():
            self._dock.show()

    def open_cohort(self, folder: Path) -> None:
        """Show the cases of a folder in their table."""
        self._dock.show()
        self.cohort.open(folder)

    # What the session says

    def _follow_session(self) -> None:
        session = self.session
        session.cohort_found.connect(self.open_cohort)
        self.cohort.cohort_changed.connect(self._remember_cohort)
        session.case_changed.connect(self._remember_case)
        session.case_changed.connect(self._leave_training)
        session.opening.progressed.connect(self._show_page)
        session.segmenting.changed.connect(self._reveal)
        session.display_changed.connect(self._show_look)
        self._dock.visibilityChanged.connect(self._show_state)
        for changed in (
            session.case_changed,
            session.prediction_changed,
            session.comparison_changed,
            self.cohort.shown_changed,
            self.cohort.current_changed,
            session.plan_changed,
            session.engine_surveyed,
            session.opening.changed,
            session.segmenting.changed,
            session.saving.changed,
            session.exporting.changed,
        ):
            changed.connect(self._show_state)

    def _show_state(self) -> None:
        session, action = self.session, self.actions_by_id
        here = session.case is not None
        self._show_page()
        self.setWindowTitle(f"{session.case.id}[*] – BraTS Viewer" if session.case else "BraTS Viewer")
        self.setWindowModified(session.has_unsaved_prediction)
        self.view_commands.show_state()
        for command in ("assign", "close_case", "open_labels"):
            action[command].setEnabled(here)
        may_export = here and not session.exporting.is_running
        for command in ("export_view", "export_report"):
            action[command].setEnabled(may_export)
        action["export_scores"].setEnabled(may_export and session.comparison is not None)
        action["cohort"].setChecked(not self._dock.isHidden())
        for command in ("previous_case", "next_case"):
            action[command].setEnabled(bool(self.cohort.shown))
        masked = session.prediction is not None and not session.saving.is_running
        action["save"].setEnabled(masked and session.has_unsaved_prediction)
        action["save_as"].setEnabled(masked)
        run = self.training.watched
        told = run is None or self.training.asked_of(run.folder) is not None or self.training.starting.is_running
        action["pause_training"].setEnabled(run is not None and run.is_alive and not told)
        action["stop_training"].setEnabled(run is not None and run.is_alive and not told)
        action["resume_training"].setEnabled(run is not None and run.can_resume and not told)
        action["segment"].setEnabled(session.can_segment)
        action["cancel"].setEnabled(session.segmenting.is_running and not session.segmenting.is_stopping)

    def _show_look(self) -> None:
        if self._training_panel:
            self._training_panel.set_palette(self.session.display.palette)
        if self._theme:
            self._theme.set_look(self.session.display.look)

    def _show_page(self) -> None:
        page = self._page()
        self._pages.setCurrentWidget(page)
        self._column.setVisible(self.session.case is not None and page is not self._training_panel)

    def _page(self) -> QWidget:
        """A case stays in view while a folder is only being looked into, since that may end there."""
        if self.actions_by_id["training"].isChecked():
            return self.training_panel
        progress, here = self.session.opening.progress, self.session.case is not None
        if progress and (progress.total or not here):
            return self.loading_page
        return self._case_page if here else self.start_page

    def _reveal(self) -> None:
        """Bring into view what has just begun or ended, where the column is longer than the window."""
        lane = self.session.segmenting
        if lane.is_running is not self._was_segmenting:
            self._was_segmenting = lane.is_running
            panel = self.result_panel if self.session.prediction and not lane.is_running else self.segment_panel
            QTimer.singleShot(0, panel, partial(self._column.ensureWidgetVisible, panel, 0, 8))

    def _remember_case(self) -> None:
        case = self.session.case
        if case:
            QTimer.singleShot(0, self, self._keep_thumbnail)  # after the slices are painted
        of_cohort = self.cohort.current is not None  # which is remembered as a whole
        if case and self.session.opened_path and case.files.folder != sample_case() and not of_cohort:
            self.settings.add_recent_case(self.session.opened_path)
        self._show_recent()
        place, self._place = self._place, None
        if place and place.path == self.session.opened_path:
            self.session.set_cursor(place.cursor)
            self.session.set_plane(place.plane)
            self.session.set_modality(place.modality)

    def _remember_cohort(self) -> None:
        if self.cohort.folder:
            self.settings.add_recent_case(self.cohort.folder)
            self._show_recent()

    def _keep_thumbnail(self) -> None:
        path = self.session.opened_path
        if path in self.settings.recent_cases:
            keep_thumbnail(self.session, path)
        forget_thumbnails(but=self.settings.recent_cases)

    def _show_recent(self) -> None:
        recent = self.settings.recent_cases
        self.start_page.set_recent([(path, thumbnail_path(path)) for path in recent])
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
        forget_thumbnails()
        self._show_recent()

    # Settings

    def _restore_settings(self) -> None:
        settings, action = self.settings, self.actions_by_id
        if not self.restoreGeometry(settings.geometry):
            self.resize(1400, 900)
        self.restoreState(settings.dock_state)
        self._dock.hide()
        self.session.set_opacity(settings.opacity)
        self.session.set_plan(settings.model, settings.device, settings.tta)
        self.session.set_windows(settings.windows)
        self.session.set_display(**settings.display.to_json())
        action["reopen"].setChecked(settings.reopens)
        self._show_recent()

    def reopen(self) -> None:
        """Go on where the viewer was closed, if a person wants that."""
        kept = self.settings.take_session()
        if kept and self.settings.reopens:
            self._place = kept
            self.session.open(kept.path)

    def _place_now(self) -> Place | None:
        session = self.session
        path = session.opened_path
        return Place(path, session.cursor, session.plane, session.modality) if path else None

    def _store_settings(self) -> None:
        settings, plan = self.settings, self.session.plan
        settings.geometry, settings.dock_state = self.saveGeometry(), self.saveState()
        settings.opacity = self.session.opacity
        settings.display, settings.windows = self.session.display, self.session.windows
        settings.reopens = self.actions_by_id["reopen"].isChecked()
        settings.keep_session(self._place_now())
        settings.model, settings.device, settings.tta = plan.model, plan.device, plan.tta

    # Events

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the words of the toolbar out where they have no room."""
        super().resizeEvent(event)
        wide = self.width() >= WORDS_FROM_PX
        style = Qt.ToolButtonStyle
        self._toolbar.setToolButtonStyle(style.ToolButtonTextBesideIcon if wide else style.ToolButtonIconOnly)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Begin to warm the engine up once the window is on the screen, and not before."""
        super().paintEvent(event)
        if not self._warmed:
            self._warmed = True
            QTimer.singleShot(0, self.session.survey)
            QTimer.singleShot(0, self.training.look)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about an unsaved mask; then stop all work and end the engine's process."""
        if self.session.has_unsaved_prediction and not self._given_up:
            event.ignore()
            self.conversation.leave(self._give_up)
            return
        if not self._trainings_left and self.training_conversation.leave(self._leave_trainings):
            event.ignore()
            return
        self._store_settings()
        self._keep_thumbnail()
        self.hide()
        self.training.close()
        self.cohort.close()
        self.session.close()
        event.accept()

    def _leave_trainings(self) -> None:
        self._trainings_left = True
        self.close()

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
        """Open what was dropped, or lay it over the open case if it is a label map of that."""
        self.start_page.set_drop_active(False)
        path = dropped_path(event)
        if path:
            event.acceptProposedAction()
            self.session.receive(path)


def sample_case() -> Path:
    """The folder of the synthetic case that comes with the viewer."""
    return next(path for path in sorted(resource("sample").iterdir()) if path.is_dir())


def dropped_path(event: QDropEvent) -> Path | None:
    """The first file or folder of a drop; None if it is neither."""
    paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return paths[0] if paths else None
