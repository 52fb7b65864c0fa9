"""Chooses a file or folder by walking the tree."""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from rich.text import Text, TextType
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import DirectoryTree

from esc_tui.batch.inputs import CODES_SUFFIXES, SOUND_SUFFIXES
from esc_tui.markup import shown
from net.text import is_printable


class SoundTree(DirectoryTree):
    """Folders, and the files that hold sound."""

    ICON_NODE = "▸ "
    ICON_NODE_EXPANDED = "▾ "
    ICON_FILE = "  "

    def process_label(self, label: TextType) -> Text:
        """Return a file's name as a terminal can show it."""
        return super().process_label(shown(label) if isinstance(label, str) else label)

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        """Return folders and sound files that are not hidden."""
        return [
            path
            for path in paths
            if not path.name.startswith(".")
            and (path.is_dir() or path.suffix.lower() in SOUND_SUFFIXES | CODES_SUFFIXES)
        ]


class FilePicker(ModalScreen[Path | None]):
    """Returns the chosen path, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("backspace", "up", "Parent folder"),
    ]

    def __init__(self, start: Path, *, picks_folder: bool) -> None:
        super().__init__()
        self._start = (start if start.is_dir() else Path.cwd()).absolute()
        self._picks_folder = picks_folder

    def compose(self) -> ComposeResult:
        """The tree."""
        tree = SoundTree(self._start, id="tree")
        tree.border_title = "Choose a folder" if self._picks_folder else "Choose a sound file"
        chosen = "space choose" if self._picks_folder else "enter choose"
        tree.border_subtitle = f"{chosen}, backspace parent folder, esc cancel"
        yield tree

    def on_directory_tree_file_selected(self, message: DirectoryTree.FileSelected) -> None:
        """Choose the file."""
        if not self._picks_folder:
            self._choose(message.path)

    def key_space(self) -> None:
        """Choose the folder under the cursor."""
        tree = self.query_one(SoundTree)
        if self._picks_folder and tree.cursor_node is not None and tree.cursor_node.data is not None:
            self._choose(tree.cursor_node.data.path)

    def action_up(self) -> None:
        """Go to the parent folder."""
        tree = self.query_one(SoundTree)
        tree.path = Path(tree.path).absolute().parent

    def _choose(self, path: Path) -> None:
        """Return the path, unless the form cannot show it."""
        if is_printable(str(path)):
            self.dismiss(path)
        else:
            self.notify("No form can hold this name: rename it, or type the command in a shell", severity="warning")
