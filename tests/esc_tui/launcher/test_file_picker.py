from pathlib import Path

from textual.app import App

from esc_tui.launcher.file_picker import FilePicker, SoundTree
from tests.esc_tui.console.waiting import until


async def test_a_name_that_is_no_text_is_shown_and_not_chosen(tmp_path: Path) -> None:
    """A form holds text: of a file whose name is not UTF-8 that is said, and the picker stays."""
    (tmp_path / "latin\udce4.wav").touch()
    (tmp_path / "plain.wav").touch()
    chosen: list[Path | None] = []
    app = App[None]()
    async with app.run_test() as pilot:
        app.push_screen(FilePicker(tmp_path, picks_folder=False), chosen.append)
        await until(pilot, lambda: any(len(tree.root.children) == 2 for tree in app.screen.query(SoundTree)))
        tree = app.screen.query_one(SoundTree)
        assert str(tree.root.children[0].label) == "latin\N{REPLACEMENT CHARACTER}.wav"
        await pilot.press("down", "enter")
        await until(pilot, lambda: len(app._notifications) == 1)
        assert not chosen
        await pilot.press("down", "enter")
        await until(pilot, lambda: chosen == [tmp_path / "plain.wav"])
