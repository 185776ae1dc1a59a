import itertools
import threading
import time

import pytest

from bert_tf.data.in_order import called_in_order


def test_results_come_in_the_order_of_the_arguments():
    def delayed(number, seconds):
        time.sleep(seconds)
        return number

    arguments = [(number, 0.02 if number % 3 == 0 else 0) for number in range(10)]
    assert list(called_in_order(delayed, arguments, 3)) == list(range(10))
    assert list(called_in_order(delayed, [], 3)) == []


def test_calls_run_at_the_same_time():
    both = threading.Barrier(2, timeout=10)
    assert sorted(called_in_order(both.wait, [(), ()], 2)) == [0, 1]


def test_arguments_are_drawn_no_further_than_needed():
    drawn = []
    numbers = ((drawn.append(number) or number,) for number in itertools.count())
    results = called_in_order(lambda number: number, numbers, 2)
    assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    assert drawn == list(range(6))
    results.close()


@pytest.mark.parametrize("threads", [1, 2])
def test_the_first_error_ends_it(threads):
    results = called_in_order(lambda number: 6 // number, [(3,), (0,), (1,)], threads)
    assert next(results) == 2
    with pytest.raises(ZeroDivisionError, match="by zero"):
        next(results)
    assert list(results) == []
