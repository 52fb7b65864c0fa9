"""The question whether a peer is trusted."""

import threading
from concurrent.futures import ThreadPoolExecutor

from esc_tui.console.screens.questions import TrustScreen
from net.telemetry.stats import Role
from net.transport.security.trust_questions import TrustQuestions
from tests.esc_tui.console.fake_engine import FakeEngine
from tests.esc_tui.console.waiting import running, until

FINGERPRINT = "1a2b-3c4d-5e6f-0718-293a-4b5c-6d7e-8f90"


async def test_a_key_answers() -> None:
    """The engine that waits gets the answer; enter alone does not trust anybody."""
    questions = TrustQuestions()
    with ThreadPoolExecutor() as pool:
        async with running([FakeEngine(Role.RECEIVER)], questions=questions) as (app, pilot):
            for key, trusted in (("y", True), ("n", False), ("escape", False), ("enter", False)):
                answer = pool.submit(questions.ask, "sender [red]alice", FINGERPRINT)
                await until(pilot, lambda: bool(app.screen.query("TrustScreen #text")))
                shown = str(app.screen.query_one("#text").render())
                assert "sender [red]alice is not known yet" in shown
                assert FINGERPRINT in shown
                await pilot.press(key)
                await until(pilot, answer.done)
                assert answer.result() is trusted, key
                await until(pilot, lambda: not isinstance(app.screen, TrustScreen))


async def test_a_settled_question_leaves() -> None:
    """When the engine stops, or time is up, nobody is asked any more."""
    questions = TrustQuestions()
    with ThreadPoolExecutor() as pool:
        async with running([FakeEngine(Role.RECEIVER)], questions=questions) as (app, pilot):
            answer = pool.submit(questions.ask, "sender alice", FINGERPRINT)
            await until(pilot, lambda: isinstance(app.screen, TrustScreen))
            questions.stop()
            await until(pilot, lambda: not isinstance(app.screen, TrustScreen))
            assert answer.result() is False


async def test_leaving_the_console_answers_no() -> None:
    """An engine that waits for a person who has gone does not wait any longer."""
    questions = TrustQuestions()
    with ThreadPoolExecutor() as pool:
        async with running([FakeEngine(Role.RECEIVER, streams=())], questions=questions) as (app, pilot):
            answer = pool.submit(questions.ask, "sender alice", FINGERPRINT)
            await until(pilot, lambda: isinstance(app.screen, TrustScreen))
            app.exit()
        assert answer.result(5.0) is False


def test_one_question_at_a_time_and_none_without_a_person() -> None:
    """A crowd of strangers cannot cover the screen with questions."""
    assert TrustQuestions().ask("sender alice", FINGERPRINT) is False
    asked = threading.Event()
    questions = TrustQuestions(lambda _question: asked.set())
    with ThreadPoolExecutor() as pool:
        first = pool.submit(questions.ask, "sender alice", FINGERPRINT)
        assert asked.wait(5.0)
        assert questions.ask("sender mallory", FINGERPRINT) is False
        questions.stop()
        assert first.result(5.0) is False
    assert questions.ask("sender alice", FINGERPRINT) is False


def test_no_answer_is_a_no() -> None:
    """The person has a limited time."""
    assert TrustQuestions(lambda _question: None, answer_s=0.01).ask("sender alice", FINGERPRINT) is False
