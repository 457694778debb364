"""Log lines are written by a thread of their own, whatever the file does."""

import io
import threading
import time

from application.logs import Lines


class Moody(io.StringIO):
    """Takes nothing at first."""

    refused = 0

    def write(self, text: str) -> int:
        if self.refused < 2:
            self.refused += 1
            raise OSError("no space left")
        return super().write(text)


def until(file: io.StringIO, text: str) -> None:
    deadline = time.monotonic() + 10
    while text not in file.getvalue():
        assert time.monotonic() < deadline, file.getvalue()
        time.sleep(0.01)


def test_a_file_that_takes_nothing_for_a_moment_stops_no_later_line() -> None:
    file = Moody()
    lines = Lines(file)
    for number in range(200):
        lines.write(f"{number}\n")
        if file.refused >= 2 and number > 20:
            break
        time.sleep(0.02)
    lines.write("after\n")
    until(file, "after\n")


def test_lines_of_many_threads_are_whole_and_all_there_at_the_end() -> None:
    file = io.StringIO()
    lines = Lines(file)

    def tell(who: int) -> None:
        for number in range(500):
            lines.write(f"{who} {number}\n")

    threads = [threading.Thread(target=tell, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines._end()
    told = file.getvalue().splitlines()
    assert sorted(told) == sorted(f"{who} {number}" for who in range(8) for number in range(500))
    for who in range(8):
        own = [line for line in told if line.startswith(f"{who} ")]
        assert own == [f"{who} {number}" for number in range(500)]
