"""Going through a cohort: each case opens with its mask at its worst slice, and its neighbours are made ready."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject

from brats_viewer.cohort_session import CohortSession
from brats_viewer.display import Layer
from brats_viewer.session import Session
from engine.data import CaseFiles


class Review(QObject):
    """Carries the cohort's choice into the session of the open case, and back what is open.

    `open_case` opens found files on a person's behalf; `go_to_worst` moves to the worst slice of what is compared.
    """

    def __init__(
        self,
        session: Session,
        cohort: CohortSession,
        open_case: Callable[[CaseFiles], None],
        go_to_worst: Callable[[], None],
    ) -> None:
        super().__init__(cohort)
        self._session, self._cohort = session, cohort
        self._open_case, self._go_to_worst = open_case, go_to_worst
        self._asked: tuple[CaseFiles, Path | None] | None = None
        self._seeks_worst = False
        cohort.case_asked.connect(self._ask)
        session.case_changed.connect(self._show_case)
        session.comparison_changed.connect(self._show_comparison)
        session.cursor_changed.connect(self._stay)
        session.reading_in.changed.connect(self._end_reading)

    def next(self) -> None:
        """Go on to the case after this one in the table."""
        self._forget_refused()
        self._cohort.next()

    def previous(self) -> None:
        """Go back to the case before this one in the table."""
        self._forget_refused()
        self._cohort.previous()

    def _forget_refused(self) -> None:
        """Begin at the open case again where one that was asked for is not coming."""
        if not self._session.opening.is_running:
            case = self._session.case
            self._cohort.set_current(case.files if case else None)

    def _ask(self, files: CaseFiles, mask: Path | None) -> None:
        self._asked = files, mask
        self._open_case(files)

    def _show_case(self) -> None:
        asked, self._asked, self._seeks_worst = self._asked, None, False
        case = self._session.case
        self._cohort.set_current(case.files if case else None)
        current = self._cohort.current
        if current and asked and asked[0] == current.files:
            self._session.go_to_tumour()
            if asked[1]:
                self._seeks_worst = True
                self._session.open_labels(asked[1])
                if self._session.display.layer is Layer.LABELS:  # what the mask misses would not be seen
                    self._session.set_display(layer=Layer.OUTLINED)
        self._make_neighbours_ready()

    def _stay(self) -> None:
        """Leave a person where they have gone meanwhile."""
        self._seeks_worst = False

    def _end_reading(self) -> None:
        if self._session.reading_in.failure:
            self._seeks_worst = False

    def _show_comparison(self) -> None:
        if self._seeks_worst and self._session.comparison:
            self._seeks_worst = False
            self._go_to_worst()

    def _make_neighbours_ready(self) -> None:
        shown, current = self._cohort.shown, self._cohort.current
        place = shown.index(current) if current in shown else len(shown) + 1
        self._session.preload(
            [entry.files for entry in (*shown[place + 1 : place + 2], *shown[max(place - 1, 0) : place])]
        )
