"""Work before and behind what a caller is busy with: files are read and written while a device computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[tuple[Item, Callable[[], Result]]]:
    """Yields each item with a call that gives function(item), or raises what that raised. It is computed by one of
    `threads` threads, at most so many items ahead."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[tuple[Item, Future[Result]]] = deque()
        try:
            for item in items:
                waiting.append((item, pool.submit(function, item)))
                if len(waiting) > threads:
                    first, future = waiting.popleft()
                    yield first, future.result
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result
        finally:
            for _, future in waiting:
                future.cancel()


class Behind(Generic[Result]):
    """Work that is handed over within the context and done by `threads` threads, at most twice so many pieces begun.

    Results are handed to `on_result`, in the order of the work, in the caller's thread. What a piece raises is raised
    by a later `do`, or at the context's end, by when all that was handed over is done, after an exception, too.
    """

    def __init__(self, threads: int, on_result: Callable[[Result], None]):
        self._pool, self._most, self._on_result = ThreadPoolExecutor(threads), 2 * threads, on_result
        self._waiting: deque[Future[Result]] = deque()

    def do(self, function: Callable[..., Result], *arguments: Any) -> None:
        """Hands over function(*arguments). Waits while too much is begun already."""
        self._waiting.append(self._pool.submit(function, *arguments))
        while len(self._waiting) > self._most or (self._waiting and self._waiting[0].done()):
            self._on_result(self._waiting.popleft().result())

    def __enter__(self) -> Behind[Result]:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _where: TracebackType | None) -> None:
        self._pool.shutdown(wait=True)
        while self._waiting:
            future = self._waiting.popleft()
            if kind is None or future.exception() is None:  # an exception on its way out is not replaced by another
                self._on_result(future.result())
