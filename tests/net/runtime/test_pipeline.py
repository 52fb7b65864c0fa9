import threading
from collections.abc import Callable

import pytest

from net.errors import ConnectionLost, StageFailed
from net.runtime.clock import SYSTEM_CLOCK
from net.runtime.pipeline import Pipeline
from net.runtime.queues import PipelineStopped, StageQueue
from tests.conftest import WaitUntil


def pipeline() -> Pipeline:
    return Pipeline("test", SYSTEM_CLOCK)


def test_items_pass_in_order_and_the_end_travels_down() -> None:
    """Everything that is put before `finish` is read, in order, and then the stages end by themselves."""
    line = pipeline()
    first: StageQueue[int] = line.add_queue("first", 2)
    second: StageQueue[int] = line.add_queue("second", 2)
    seen: list[int] = []

    def produce() -> None:
        for number in range(50):
            first.put(number)
        first.finish()

    def double() -> None:
        for number in first:
            second.put(number * 2)
        second.finish()

    line.add_stage("produce", produce)
    line.add_stage("double", double)
    line.add_stage("collect", lambda: seen.extend(second))
    line.start()
    assert line.ended.wait(10)
    assert seen == [number * 2 for number in range(50)]
    assert line.error is None
    assert line.join(5) == ()


def test_a_full_queue_blocks_until_something_is_taken(wait_until: WaitUntil) -> None:
    """A blocking queue never holds more than its capacity, and loses nothing."""
    queue: StageQueue[int] = StageQueue("q", 2)
    thread = threading.Thread(target=lambda: [queue.put(number) for number in range(5)] and queue.finish())
    thread.start()
    wait_until(lambda: queue.stats().depth == 2)
    assert list(queue) == [0, 1, 2, 3, 4]
    thread.join(5)
    assert queue.stats().high_water == 2
    assert queue.stats().dropped == 0


def test_a_live_queue_drops_its_oldest_item_and_counts_it() -> None:
    """A dropping queue keeps the newest items and never blocks."""
    queue: StageQueue[int] = StageQueue("q", 2, drop_oldest=True)
    for number in range(5):
        queue.put(number)
    queue.finish()
    assert list(queue) == [3, 4]
    assert queue.stats().dropped == 3


def test_abort_wakes_readers_and_writers() -> None:
    """No wait of a pipeline outlives its abort."""
    line = pipeline()
    empty: StageQueue[int] = line.add_queue("empty", 1)
    full: StageQueue[int] = line.add_queue("full", 1)
    full.put(1)
    line.add_stage("read", lambda: [None for _ in empty] and None)
    line.add_stage("write", lambda: full.put(2))
    line.start()
    line.abort()
    assert line.join(5) == ()
    assert line.error is None


def test_the_first_error_ends_all_stages_and_is_kept() -> None:
    """A stage that raises stops the others; the pipeline's error names the stage and holds the cause."""
    line = pipeline()
    empty: StageQueue[int] = line.add_queue("empty", 1)

    def fail() -> None:
        raise ZeroDivisionError("no way")

    line.add_stage("wait", lambda: [None for _ in empty] and None)
    line.add_stage("encode", fail)
    line.start()
    assert line.ended.wait(5)
    assert isinstance(line.error, StageFailed)
    assert "encode" in str(line.error)
    assert "no way" in str(line.error)
    assert isinstance(line.error.__cause__, ZeroDivisionError)
    line.join(5)


def test_errors_for_people_pass_as_they_are() -> None:
    """An `EscError` is not wrapped: its message is already advice."""
    line = pipeline()

    def lose() -> None:
        raise ConnectionLost("the peer went away")

    line.add_stage("send", lose)
    line.start()
    assert line.ended.wait(5)
    assert str(line.error) == "the peer went away"
    line.join(5)


def test_a_wait_added_after_the_abort_is_woken_at_once() -> None:
    """`on_abort` loses no wake-up to a race."""
    line = pipeline()
    line.abort()
    woken = threading.Event()
    line.on_abort(woken.set)
    assert woken.is_set()


def test_a_thread_that_does_not_end_is_named() -> None:
    """`join` returns after its deadline with the names of what still runs."""
    line = pipeline()
    release = threading.Event()
    line.add_stage("stubborn", lambda: release.wait(10) and None)
    line.start()
    assert line.join(0.01) == ("test-stubborn",)
    release.set()
    assert line.join(5) == ()


def test_iterating_an_aborted_queue_raises() -> None:
    """A reader can tell an abort from the end."""
    queue: StageQueue[int] = StageQueue("q", 1)
    queue.abort()
    with pytest.raises(PipelineStopped):
        list(queue)


@pytest.mark.parametrize("fails", [False, True])
def test_an_end_callback_knows_how_the_stages_ended(fails: bool) -> None:
    """It sees their error, before the pipeline has ended."""
    line, known = pipeline(), []

    def work() -> None:
        if fails:
            raise ValueError("seven")

    line.add_stage("work", work)
    line.on_end(lambda: known.append((line.error is not None, line.ended.is_set())))
    line.start()
    assert line.ended.wait(10)
    assert known == [(fails, False)]
    assert line.join(5) == ()


def raising(error: Exception) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize("way", ["finished", "failed", "aborted"])
def test_end_callbacks_run_once_in_reverse_order_before_the_end(way: str) -> None:
    """Whatever ended the pipeline: after the last stage, in its thread, and once."""
    line, calls = pipeline(), []
    empty: StageQueue[int] = line.add_queue("empty", 1)
    line.on_end(lambda: calls.append(("first", line.ended.is_set(), threading.current_thread().name)))
    line.on_end(lambda: calls.append(("second", line.ended.is_set(), threading.current_thread().name)))
    line.add_stage("wait", lambda: [None for _ in empty] and None)
    line.start()
    assert not calls
    {"finished": empty.finish, "failed": lambda: line.fail(ConnectionLost("gone")), "aborted": line.abort}[way]()
    assert line.ended.wait(5)
    line.close()
    line.close()
    assert calls == [("second", False, "test-wait"), ("first", False, "test-wait")]
    assert line.join(5) == ()


def test_an_end_callback_that_fails_keeps_no_other_from_running() -> None:
    """Its error is the pipeline's where the stages had none."""
    line, closed = pipeline(), []
    line.on_end(lambda: closed.append("first"))
    line.on_end(raising(OSError("no space")))
    line.on_end(lambda: closed.append("last"))
    line.add_stage("work", lambda: None)
    line.start()
    assert line.ended.wait(5)
    assert closed == ["last", "first"]
    assert isinstance(line.error, StageFailed)
    assert "no space" in str(line.error)
    assert line.join(5) == ()


def test_an_end_callback_that_fails_does_not_hide_the_first_error(caplog: pytest.LogCaptureFixture) -> None:
    """The stage's error stays, the callback's is in the log."""
    line = pipeline()
    line.on_end(raising(OSError("no space")))
    line.add_stage("send", raising(ConnectionLost("the peer went away")))
    line.start()
    assert line.ended.wait(5)
    assert str(line.error) == "the peer went away"
    assert "no space" in caplog.text
    assert line.join(5) == ()


def test_closing_a_pipeline_that_was_never_started_ends_it() -> None:
    """What was opened for it is closed, and it cannot be started any more."""
    line, calls = pipeline(), []
    line.on_end(lambda: calls.append("closed"))
    line.add_stage("work", lambda: calls.append("worked"))
    line.close()
    assert line.ended.is_set()
    line.start()
    line.close()
    assert calls == ["closed"]
    assert line.join(5) == ()


def test_a_pipeline_without_stages_ends_at_once() -> None:
    """Its callbacks run, too; one that is registered later runs at once."""
    line, closed = pipeline(), []
    line.on_end(lambda: closed.append("first"))
    line.start()
    assert line.ended.is_set()
    line.on_end(lambda: closed.append("late"))
    assert closed == ["first", "late"]


@pytest.mark.parametrize("startable", [0, 1])
def test_a_thread_that_cannot_be_started_leaves_none_behind(startable: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stages that run are stopped and joined, the callbacks run, and the error says which thread it was."""
    line, closed = pipeline(), []
    empty: StageQueue[int] = line.add_queue("empty", 1)
    for name in ("one", "two", "three"):
        line.add_stage(name, lambda: [None for _ in empty] and None)
    line.on_end(lambda: closed.append(line.ended.is_set()))
    start, started = threading.Thread.start, []

    def start_a_few(thread: threading.Thread) -> None:
        if len(started) == startable:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_a_few)
    with pytest.raises(
        StageFailed, match=f"test-{('one', 'two')[startable]} cannot be started: can't start new thread"
    ):
        line.start()
    assert closed == [False]
    assert line.ended.is_set()
    assert isinstance(line.error, StageFailed)
    assert not any(thread.is_alive() for thread in started)
