from collections import UserDict
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, Static

from esc_tui.cli import LAUNCHED, load_command, run
from esc_tui.errors import ExitCode
from esc_tui.launcher.app import LauncherApp
from esc_tui.launcher.form import Form, Value
from esc_tui.launcher.last_launch import LastLaunch, load_last_launch, save_last_launch
from esc_tui.launcher.rows import FieldRow, Flag
from esc_tui.options.command import SettingsCommand
from tests.esc_tui.console.waiting import until
from tests.net.links import write_speech

USED_WHEN_RUN = {
    "compress": {"num_streams", "chunk_size", "overlap_size", "stitching", "channels", "audio_format", "save_path"}
    | {"overwrite", "model_path", "device"}
}
"""Fields that the command reads only when it runs."""


class Recording(UserDict[str, Any]):
    """Values that remember which of them were asked for."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.names.add(key)
        return super().__getitem__(key)


CHOSEN_BY_LIVE_VALUES: list[dict[str, Value]] = [
    {"stitching": "crossfade"},
    {"chunk_size": "3200"},
    {"chunk_ms": "200"},
    {"overlap_size": "320"},
    {"overlap_ms": "20"},
    {"lookahead_ms": "40"},
    {"queue_chunks": "5"},
]

COMMANDS = [load_command(name) for name in LAUNCHED]
FORMS = {str(command.name): Form(command) for command in COMMANDS}  # type: ignore[arg-type] # they are SettingsCommands
SENDER = FORMS["sender"]


def values(form: Form = SENDER, **filled: Value) -> dict[str, Value]:
    return {field.name: filled.get(field.name, field.default) for field in form.fields}


def test_every_command_has_a_form_of_its_own_options() -> None:
    """The fields are the command's options, with their defaults, so that nothing filled in means nothing typed."""
    for form in FORMS.values():
        assert form.fields
        assert form.arguments(values(form)) == []


def test_the_command_line_says_what_was_filled_in(tmp_path: Path) -> None:
    """Only what differs from the default is typed, quoted for the shell."""
    filled = values(input=str(tmp_path / "a b.wav"), num_streams="4", realtime=True)
    line = SENDER.command_line(filled)
    assert line == f"esc-tui sender --input '{tmp_path}/a b.wav' --num-streams 4 --realtime"


def test_a_flag_that_is_set_by_default_can_be_taken_back() -> None:
    """`--no-realtime` of the demo."""
    assert FORMS["demo"].arguments({"realtime": False}) == ["--no-realtime"]


@pytest.mark.parametrize(
    ("filled", "advice"),
    [
        ({"port": "70000"}, "--port must be 1 to 65535, not 70000"),
        ({"port": "http"}, "'http' is not a valid integer"),
        ({"num_streams": "7"}, "--num-streams must be 1 to 6, not 7"),
        ({"overlap_size": "9000"}, "the overlap must be 0 to 8000 samples"),
        ({"input": "/no/such.wav"}, "there is no file /no/such.wav"),
        ({"input": ""}, "choose what to stream"),
        ({"microphone": True}, "either --input FILE or --microphone"),
        ({"chunk_ms": "10"}, "--chunk-ms must be 20 to 30000 ms, not 10"),
        ({"host": "localhost:80"}, "its port after --port"),
    ],
)
def test_wrong_values_are_told_as_the_command_would(tmp_path: Path, filled: dict[str, str | bool], advice: str) -> None:
    """The form checks through the engines' own settings."""
    sound = tmp_path / "a.wav"
    sound.touch()
    assert SENDER.problem(values(input=str(sound))) == ""
    assert advice in SENDER.problem(values(**{"input": str(sound), **filled}))


@pytest.mark.parametrize(
    ("name", "filled"),
    [
        ("sender", {"microphone": True, "chunk_size": ""}),
        ("sender", {"microphone": True, "lookahead_ms": "40"}),
        ("sender", {"microphone": True, "port": "x"}),
        ("sender", {"microphone": True, "trust": "1a2b"}),
        ("sender", {"microphone": True, "resume": True}),
        ("receiver", {"jitter_ms": "100"}),
        ("receiver", {"tls": True, "allow": "1a2b"}),
        ("receiver", {"max_disk": "0"}),
        ("demo", {"stitching": "seamless", "overlap_size": "100"}),
        ("compress", {}),
        ("compress", {"more_inputs": __file__, "chunk_size": "8000"}),
        ("compress", {"more_inputs": __file__, "streaming": True, "overlap_size": "9000"}),
        ("compress", {"more_inputs": __file__, "no_audio": True, "no_codes": True}),
        ("compress", {"more_inputs": __file__, "jobs": "0"}),
        ("compress", {"more_inputs": __file__, "to_streams": "0"}),
        ("compress", {"more_inputs": __file__, "to_streams": "2", "metrics": True}),
        ("compress", {"more_inputs": __file__, "to_streams": "2", "stitching": "seamless"}),
        ("compress", {"more_inputs": __file__, "overlap_size": "0"}),
        *(("sender", {"microphone": True, "live": True, **chosen}) for chosen in CHOSEN_BY_LIVE_VALUES),
        ("sender", {"microphone": True, "socket_buffer_bytes": "10"}),
        ("receiver", {"queue_chunks": "4096"}),
    ],
)
def test_what_a_command_refuses_its_form_refuses(
    name: str, filled: dict[str, Value], capsys: pytest.CaptureFixture[str]
) -> None:
    """Both say the same words; the command adds where its help is."""
    form = FORMS[name]
    told = form.problem(values(form, **filled))
    assert told
    assert run([name, *form.arguments(values(form, **filled))]) == ExitCode.WRONG_USE
    assert capsys.readouterr().err.startswith(f"esc-tui: {told}")


@pytest.mark.parametrize(
    ("name", "filled", "code"),
    [
        ("sender", {"input": "folder"}, ExitCode.BAD_INPUT),
        ("sender", {"input": "letter.wav"}, ExitCode.BAD_INPUT),
        ("sender", {"microphone": True, "model_path": "folder"}, ExitCode.BAD_INPUT),
        ("receiver", {"host": "0.0.0.0"}, ExitCode.WRONG_USE),  # noqa: S104 - it is refused
        ("receiver", {"save_path": "letter.wav"}, ExitCode.BAD_INPUT),
        ("receiver", {"model_path": "nowhere"}, ExitCode.BAD_INPUT),
        ("demo", {"save_path": "letter.wav"}, ExitCode.BAD_INPUT),
        ("compress", {"more_inputs": "folder"}, ExitCode.WRONG_USE),
        ("compress", {"more_inputs": "letter.wav", "num_streams": "7"}, ExitCode.WRONG_USE),
        ("compress", {"more_inputs": "letter.wav", "model_path": "folder"}, ExitCode.BAD_INPUT),
    ],
)
def test_what_keeps_a_command_from_starting_keeps_the_launcher(
    *,
    name: str,
    filled: dict[str, Value],
    code: ExitCode,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What only files, folders and the host show is told in the command's words when it shall start."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "letter.wav").write_text("Dear reader")
    form = FORMS[name]
    assert form.problem(values(form, **filled)) == ""
    told = form.files_problem(values(form, **filled))
    assert told
    assert run([name, *form.arguments(values(form, **filled))]) == code
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS, ids=LAUNCHED)
def test_no_option_is_ignored(command: SettingsCommand) -> None:
    """The settings of a command depend on every parameter that has a field."""
    arguments = {"receiver": [], "compress": ["--input", __file__, "--no-audio"]}.get(
        str(command.name), ["--input", __file__]
    )
    with command.make_context(command.name, arguments) as context:
        used = Recording(context.params)
        command._make_settings(used)
    assert {field.name for field in Form(command).fields} <= used.names | USED_WHEN_RUN.get(str(command.name), set())


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
    write_speech(tmp_path / "a.wav", 1600)
    app = LauncherApp(COMMANDS, memory)
    async with app.run_test() as pilot:
        await pilot.press("down", "enter", "ctrl+s")
        assert app.is_running  # an input is missing
        await pilot.press(*"a.wav", "ctrl+s")
        await until(pilot, lambda: not app.is_running)  # type: ignore[arg-type]
    assert app.return_value == ["sender", "--input", "a.wav"]
    again = LauncherApp(COMMANDS, memory)
    async with again.run_test() as pilot:
        await pilot.pause()
        assert again.command == "sender"
        assert again.query("FieldRow").first().value == "a.wav"  # type: ignore[attr-defined]


async def test_what_cannot_start_stays_in_the_launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only the file shows what is wrong, the launcher says so and goes on."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letter.wav").write_text("Dear reader")
    app = LauncherApp(COMMANDS, tmp_path / "launcher.json")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("down", "enter", *"letter.wav", "ctrl+s")
        line = app.query_one("#line", Static)
        await until(pilot, lambda: "letter.wav" in str(line.render()) and line.has_class("-wrong"))  # type: ignore[arg-type]
        assert app.is_running


async def test_each_option_tells_what_holds_without_it(tmp_path: Path) -> None:
    """An empty field shows its default, a flag its state in words; the arrows lead from option to option."""
    app = LauncherApp(COMMANDS, tmp_path / "launcher.json")
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
    app = LauncherApp(COMMANDS, tmp_path / "launcher.json")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("down", "enter", *"/no.wav")
        rows = {row.field.name: row for row in app.query(FieldRow)}
        line = app.query_one("#line", Static)
        await until(pilot, lambda: "there is no file" in str(line.render()))  # type: ignore[arg-type]
        rows["port"].query_one(Input).focus()
        await pilot.press("x")
        await until(pilot, lambda: "not a valid integer" in str(line.render()))  # type: ignore[arg-type]
        assert [name for name, row in rows.items() if row.has_class("-wrong")] == ["input", "port"]
