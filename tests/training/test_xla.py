import numpy as np
import pytest
import tensorflow as tf

from bert_tf.training.batch_sums import global_totals
from tests.training.devices import assert_same_training, plain_run, trained
from tests.training.problems import batch, tiny_model


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["one_device", "mirrored"])
def test_gives_the_numbers_of_graph_mode(strategy):
    assert_same_training(plain_run(strategy), trained(strategy, jit_compile=True))


@pytest.mark.slow
def test_works_with_parts_dropout_and_rematerialisation_on_two_devices():
    model, history = trained("mirrored", jit_compile=True, accumulate=2, dropout=0.1, rematerialize=True)
    assert np.isfinite(history["loss"]).all()
    drawn = [variable.numpy()[1] for variable in model.variables if "seed_generator_state" in variable.path]
    assert drawn == [4] * 4  # embeddings, attention, both branches: once for each part of each of two batches


def test_evaluates_alike():
    data = tf.data.Dataset.from_tensors(batch())
    model, _ = trained(steps=1)
    expected = model.evaluate(data, verbose=0, return_dict=True)
    model.compile(model.optimizer, jit_compile=True)
    assert model.evaluate(data, verbose=0, return_dict=True) == pytest.approx(expected, abs=1e-5)


def test_is_off_on_a_cpu_unless_asked_for(monkeypatch):
    assert not tiny_model(num_layers=1)._compiles_steps
    assert tiny_model(num_layers=1, jit_compile=True)._compiles_steps
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: ["GPU:0"] if kind == "GPU" else [])
    assert tiny_model(num_layers=1)._compiles_steps


def test_the_training_step_compiles_as_on_a_tpu():
    """Static shapes, int32 ids, no strings, and nothing that XLA lacks: the dry check for TPUs, update included."""
    model = tiny_model(num_layers=1, dropout=0.1, jit_compile=True)
    model.optimizer.build(model.trainable_variables)
    data = batch()
    assert {array.dtype for array in tf.nest.flatten(data)} == {np.dtype("int32"), np.dtype("float32")}

    @tf.function(jit_compile=True, autograph=False)
    def step(x, labels, weights):
        sums, _ = model._training_sums((x, labels, weights), global_totals(x, weights), 1.0)
        gradients, loss, _ = sums
        model._update(gradients, loss)
        return loss

    losses = [float(step(*data)) for _ in range(5)]
    assert losses[-1] < losses[0]
    assert all(operation.type != "PyFunc" for operation in step.get_concrete_function(*data).graph.get_operations())
