from pathlib import Path

import pytest
from textual.widgets import Input, Static

from esc_tui.launcher.app import OFFERED, FieldRow, Flag, LauncherApp, _command
from esc_tui.launcher.checks import problem
from esc_tui.launcher.form import arguments, command_line, fields_of
from esc_tui.launcher.last_launch import LastLaunch, load_last_launch, save_last_launch
from tests.esc_tui.console.waiting import until

SENDER = fields_of(_command("sender"))


def values(**filled: str | bool) -> dict[str, str | bool]:
    return {field.name: filled.get(field.name, field.default) for field in SENDER}


def test_every_command_has_a_form_of_its_own_options() -> None:
    """The fields are the command's options, with their defaults, so that nothing filled in means nothing typed."""
    for name in OFFERED:
        fields = fields_of(_command(name))
        assert fields
        assert arguments(fields, {field.name: field.default for field in fields}) == []


def test_the_command_line_says_what_was_filled_in(tmp_path: Path) -> None:
    """Only what differs from the default is typed, quoted for the shell."""
    filled = values(input_path=str(tmp_path / "a b.wav"), num_streams="4", realtime=True)
    line = command_line("sender", SENDER, filled)
    assert line == f"esc-tui sender --input '{tmp_path}/a b.wav' --num-streams 4 --realtime"


def test_a_flag_that_is_set_by_default_can_be_taken_back() -> None:
    """`--no-realtime` of the demo."""
    fields = fields_of(_command("demo"))
    assert arguments(fields, {"realtime": False}) == ["--no-realtime"]


@pytest.mark.parametrize(
    ("filled", "advice"),
    [
        ({"port": "70000"}, "--port must be 1 to 65535, not 70000"),
        ({"port": "http"}, "'http' is not a valid integer"),
        ({"num_streams": "7"}, "--num-streams must be 1 to 6, not 7"),
        ({"overlap_size": "9000"}, "the overlap must be 0 to 8000 samples"),
        ({"input_path": "/no/such.wav"}, "there is no file /no/such.wav"),
        ({"input_path": ""}, "choose what to stream"),
        ({"microphone": True}, "either --input FILE or --microphone"),
        ({"chunk_ms": "10"}, "--chunk-ms must be 20 to 30000 ms, not 10"),
        ({"host": "localhost:80"}, "its port after --port"),
    ],
)
def test_wrong_values_are_told_as_the_command_would(tmp_path: Path, filled: dict[str, str | bool], advice: str) -> None:
    """The form checks through the engines' own settings."""
    sound = tmp_path / "a.wav"
    sound.touch()
    assert problem("sender", SENDER, values(input_path=str(sound))) == ""
    assert advice in problem("sender", SENDER, values(**{"input_path": str(sound), **filled}))


def test_a_broken_memory_is_no_obstacle(tmp_path: Path) -> None:
    """Where the remembered settings cannot be read, the launcher starts with the defaults."""
    path = tmp_path / "launcher.json"
    assert load_last_launch(path) == LastLaunch()
    path.write_text("{")
    assert load_last_launch(path) == LastLaunch()
    launch = LastLaunch("sender", {"sender": {"port": "9000", "realtime": True}})
    assert save_last_launch(path, launch)
    assert load_last_launch(path) == launch


async def test_what_is_filled_in_is_started_and_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Choose, fill in, start: the launcher returns the arguments, and the next one begins where this one ended."""
    monkeypatch.chdir(tmp_path)
    memory = tmp_path / "launcher.json"
    (tmp_path / "a.wav").touch()
    app = LauncherApp(memory)
    async with app.run_test() as pilot:
        await pilot.press("down", "enter", "ctrl+s")
        assert app.is_running  # an input is missing
        await pilot.press(*"a.wav", "ctrl+s")
        await until(pilot, lambda: not app.is_running)  # type: ignore[arg-type]
    assert app.return_value == ["sender", "--input", "a.wav"]
    again = LauncherApp(memory)
    async with again.run_test() as pilot:
        await pilot.pause()
        assert again.command == "sender"
        assert again.query("FieldRow").first().value == "a.wav"  # type: ignore[attr-defined]


async def test_each_option_tells_what_holds_without_it(tmp_path: Path) -> None:
    """An empty field shows its default, a flag its state in words; the arrows lead from option to option."""
    app = LauncherApp(tmp_path / "launcher.json")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("enter", "down", "space", "down", "down")
        rows = {row.field.name: row for row in app.query(FieldRow)}
        assert app.focused in rows["num_streams"].walk_children()
        assert rows["model_path"].query_one(Input).placeholder == "the bundled esc-mini"
        assert str(rows["realtime"].query_one(Flag).label) == "off"
        assert str(rows["play"].query_one(Flag).label) == "off"
        assert not rows["realtime"].value
        meaning = rows["num_streams"].query_one(".meaning")
        assert meaning.display
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert not meaning.display


async def test_what_is_wrong_is_marked_where_it_stands(tmp_path: Path) -> None:
    """Each wrong field is marked, and the one that is being filled in is told of first."""
    app = LauncherApp(tmp_path / "launcher.json")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("down", "enter", *"/no.wav")
        rows = {row.field.name: row for row in app.query(FieldRow)}
        line = app.query_one("#line", Static)
        await until(pilot, lambda: "there is no file" in str(line.render()))  # type: ignore[arg-type]
        rows["port"].query_one(Input).focus()
        await pilot.press("x")
        await until(pilot, lambda: "not a valid integer" in str(line.render()))  # type: ignore[arg-type]
        assert [name for name, row in rows.items() if row.has_class("-wrong")] == ["input_path", "port"]
