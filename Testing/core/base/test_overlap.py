"""Work before and behind a caller: order, errors, bounds, and that it is not done by the caller's thread."""

from __future__ import annotations

import threading

import pytest

from MedDDPMCore.base.overlap import Behind, ahead

MAIN = threading.get_ident()


def test_items_come_in_order_with_what_another_thread_made_of_them():
    threads = set()

    def square(n):
        threads.add(threading.get_ident())
        return n * n

    assert [(n, result()) for n, result in ahead(square, range(20), 3)] == [(n, n * n) for n in range(20)]
    assert MAIN not in threads


def test_an_error_is_raised_where_the_item_is_used_and_the_next_ones_go_on():
    found = []
    for n, result in ahead(lambda n: 6 // n, [1, 0, 3], 2):
        try:
            found.append(result())
        except ZeroDivisionError:
            found.append(f"item {n}")
    assert found == [6, "item 0", 2]


def test_no_more_than_asked_for_is_begun_ahead_and_nothing_after_the_loop_is_left():
    begun = []
    for _ in ahead(begun.append, iter(range(100)), 2):
        break
    assert len(begun) <= 3


def test_the_next_item_is_made_while_the_caller_is_at_work():
    second = threading.Event()
    for n, result in ahead(lambda n: second.set() if n == 2 else None, [1, 2], 1):
        result()
        if n == 1:
            assert second.wait(30)


def test_results_are_told_in_order_in_the_callers_thread():
    told = []
    with Behind(3, lambda n: told.append((n, threading.get_ident()))) as behind:
        for n in range(20):
            behind.do(lambda n=n: n)
    assert told == [(n, MAIN) for n in range(20)]


def test_what_was_handed_over_before_an_exception_is_done_and_told():
    told, gate = [], threading.Event()

    def slow(n):
        gate.wait(30)
        return n

    with pytest.raises(KeyboardInterrupt), Behind(1, told.append) as behind:
        behind.do(slow, 1)
        behind.do(slow, 2)
        gate.set()
        raise KeyboardInterrupt
    assert told == [1, 2]


def test_an_error_of_the_work_reaches_the_caller():
    with pytest.raises(ZeroDivisionError), Behind(1, lambda _: None) as behind:
        behind.do(lambda: 1 // 0)


def test_the_caller_waits_where_too_much_is_begun():
    running, most = [], []

    def work():
        running.append(1)
        most.append(len(running) - len(told))

    told: list = []
    with Behind(2, told.append) as behind:
        for _ in range(50):
            behind.do(work)
    assert len(told) == 50 and max(most) <= 5
