"""What a person reads on a widget."""

from PySide6.QtWidgets import QLabel, QWidget


def visible_words(widget: QWidget) -> list[str]:
    """The texts of the labels that are not hidden, in the order in which they were made."""
    return [label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget) and label.text()]
