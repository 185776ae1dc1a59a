import pytest
import tensorflow as tf

from bert_tf.training.divergence import LONGEST_STANDSTILL, DivergedError, DivergenceWatch


def check(watch, losses, first=1):
    for step, loss in enumerate(losses, start=first):
        watch.add(step, tf.constant(loss, tf.float32))
    watch.check(1e-4, "Go home.")


def test_sensible_losses_pass():
    watch = DivergenceWatch(10.0)
    check(watch, [9.0, 8.0])
    check(watch, [])
    # A single high one in a low mean.
    check(watch, [11.0, 9.0])


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_the_first_loss_that_is_no_number_is_named(loss):
    with pytest.raises(DivergedError, match=rf"a finite loss. Received: loss={loss:g} at step 12, learning_rate=0.0001."
                                            r" Go home\.$"):
        check(DivergenceWatch(), [3.0, 2.0, loss, loss], first=10)


def test_an_explosion_is_named():
    with pytest.raises(DivergedError, match=r"below 10, twice that of guessing. Received: loss=10.5 at step 2"):
        check(DivergenceWatch(10.0), [3.0, 10.5])


def test_a_long_standstill_is_noticed_over_several_lines():
    watch = DivergenceWatch()
    check(watch, [0.0] * LONGEST_STANDSTILL)
    check(watch, [0.0, 5.0])
    check(watch, [0.0] * LONGEST_STANDSTILL, first=60)
    with pytest.raises(DivergedError, match="a finite loss in 50 updates. Received: loss=0 at step 110"):
        check(watch, [0.0], first=110)


def test_a_loss_of_nothing_is_no_standstill_where_no_update_is_left_out():
    check(DivergenceWatch(leaves_out=False), [0.0] * (LONGEST_STANDSTILL + 1))
