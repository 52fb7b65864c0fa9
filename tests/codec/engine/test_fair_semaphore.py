import threading

import pytest

from codec.engine.fair_semaphore import FairSemaphore
from tests.net.waiting import wait_until


def test_callers_are_served_in_the_order_in_which_they_came() -> None:
    """Threads enter in the order in which they began to wait."""
    semaphore, served = FairSemaphore(1), []

    def come(name: int) -> None:
        with semaphore:
            served.append(name)

    threads = [threading.Thread(target=come, args=(name,)) for name in range(6)]
    with semaphore:
        for count, thread in enumerate(threads, start=1):
            thread.start()
            wait_until(lambda count=count: semaphore.waiting == count)
    for thread in threads:
        thread.join(10)
    assert served == list(range(6))


def test_as_many_as_there_are_slots_work_at_once() -> None:
    """Two of three threads are inside together; the third enters when one leaves."""
    semaphore, leave, inside = FairSemaphore(2), threading.Event(), threading.Semaphore(0)

    def work() -> None:
        with semaphore:
            inside.release()
            leave.wait(10)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert inside.acquire(timeout=10)
    assert inside.acquire(timeout=10)
    wait_until(lambda: semaphore.waiting == 1)
    leave.set()
    for thread in threads:
        thread.join(10)
    assert inside.acquire(timeout=10)
    assert semaphore.waiting == 0


def test_an_error_frees_the_slot() -> None:
    """A thread that leaves by an exception does not keep the others out."""
    semaphore = FairSemaphore(1)
    with pytest.raises(ValueError, match="broken"), semaphore:
        raise ValueError("broken")
    with semaphore:
        assert semaphore.waiting == 0
