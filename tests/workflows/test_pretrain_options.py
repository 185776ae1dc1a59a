"""Settings of pre-training beyond the first command's, each run a few steps on made-up sentences."""

import json
import types

import keras
import numpy as np
import pytest

import bert_tf
from bert_tf.config import EncoderConfig, PretrainingConfig, RecordsConfig
from bert_tf.workflows.build_records import build_records
from bert_tf.workflows.pretrain import pretrain
from bert_tf.workflows.pretraining_model import compile_model, initial_model
from tests.weights.hugging_face_models import FOLDER

WORDS = ["cat", "dog", "sees", "likes", "old", "the", "a", "bird", "house", "day"]
SMALL = dict(size="tiny", sequence_length=16, batch_size=8, steps=4, learning_rate=1e-3, held_out_share=0.2,
             held_out_examples=16, tensorboard=False)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    documents = ["\n".join(" ".join(rng.choice(WORDS, 6)) for _ in range(4)) for _ in range(40)]
    (folder / "text.txt").write_text("\n\n".join(documents))
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]) + "\n")
    return folder


def config_of(files, **changes):
    return PretrainingConfig(**SMALL | dict(input=str(files / "text.txt"), vocabulary=str(files / "vocab.txt"))
                             | changes)


@pytest.fixture(scope="module")
def finished(files):
    pretrain(config_of(files), files / "finished")
    return files / "finished"


@pytest.fixture
def float32_again():
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.slow
@pytest.mark.parametrize("changes", [
    dict(optimizer="lamb", schedule="polynomial", ema=0.9, accumulate=2, on_nan="skip", rematerialize=True,
         phases="50%:12,50%:16"),
    dict(schedule="warmup_stable_decay", precision="mixed_float16", strategy="mirrored"),
])
def test_settings_reach_the_run(files, tmp_path, float32_again, changes):
    report = pretrain(config_of(files, **changes), tmp_path / "run")
    assert report["steps"] == 4 and np.isfinite(report["held_out"]["loss"])
    assert report["skipped_batches"] == 0
    assert 0 < report["utilisation"] < 1.5 and 0 <= report["data_wait_share"] <= 1
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    if "phases" in changes:
        # A batch is as long as its longest example, which in the last one has 15 tokens.
        assert [line["positions"] for line in log] == [8 * 12] * 2 + [8 * 16, 8 * 15]
    assert bert_tf.FillMask.load(tmp_path / "run").predict(["the [MASK] sees"])[0]
    json.dumps(report)


@pytest.mark.slow
def test_ready_examples_instead_of_text(files, tmp_path):
    build_records(RecordsConfig(input=str(files / "text.txt"), vocabulary=str(files / "vocab.txt"), sequence_length=16,
                                held_out_share=0.2), tmp_path / "records")
    settings = SMALL | dict(records=f"{tmp_path}/records/*.tfrecord")
    report = pretrain(PretrainingConfig(**settings), tmp_path / "run")
    assert report["steps"] == 4 and report["records"][0]["sequence_length"] == 16 and report["fill_mask"] == []
    assert (tmp_path / "run" / "vocab.txt").read_text() == (files / "vocab.txt").read_text()
    with pytest.raises(ValueError, match="record files with `sequence_length` 32"):
        pretrain(PretrainingConfig(**settings | {"phases": "50%:16,50%:32"}), tmp_path / "other")
    assert not (tmp_path / "other" / "run.json").exists()


@pytest.mark.slow
def test_a_vocabulary_can_grow(files, finished, tmp_path):
    pieces = tmp_path / "new.txt"
    pieces.write_text("mice\nbirds\n")
    config = PretrainingConfig(**SMALL | dict(input=str(files / "text.txt"), init=str(finished),
                                              extend_vocabulary=str(pieces), steps=1, learning_rate=1e-9))
    report = pretrain(config, tmp_path / "run")
    assert report["vocabulary_size"] == 17
    assert (tmp_path / "run" / "vocab.txt").read_text().split()[-2:] == ["mice", "birds"]
    assert bert_tf.load_model(tmp_path / "run").tokenizer.tokenize(["mice"]).to_list() == [[15]]


def test_a_run_that_goes_on_may_change_what_has_no_influence(files, finished):
    changed = dict(checkpoint_steps=1, checkpoint_minutes=5.0, keep_checkpoints=5, on_nan="skip")
    assert pretrain(config_of(files, **changed), finished, resume=True)["steps"] == 4
    assert json.loads((finished / "run.json").read_text())["keep_checkpoints"] == 5
    with pytest.raises(ValueError, match=r"configuration of the run in .*schedule=.*'linear' then, 'constant'"):
        pretrain(config_of(files, schedule="constant"), finished, resume=True)


@pytest.mark.parametrize("left", [
    "model.safetensors", "config.json", "run.json", "checkpoints/step-000000004.safetensors"])
def test_a_folder_that_is_in_use_is_refused(files, tmp_path, left):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / left).write_text("{}")
    with pytest.raises(ValueError, match=rf"an `output_dir` without another run or model .*{left.split('/')[-1]}"):
        pretrain(config_of(files), tmp_path)
    assert (tmp_path / left).read_text() == "{}"


@pytest.mark.parametrize(("changes", "message"), [
    (dict(input=None), "under several workers an `input` of sentence files"),
    (dict(input_layout="lines"), "input_layout='lines'"),
    (dict(vocabulary=None), "`vocabulary` or `init` under several workers"),
])
def test_workers_do_not_prepare_text(files, tmp_path, monkeypatch, changes, message):
    monkeypatch.setattr("bert_tf.workflows.pretraining_sources.is_multi_worker", lambda strategy: True)
    with pytest.raises(ValueError, match=message):
        pretrain(config_of(files, **changes), tmp_path / "run")


def test_another_dropout_keeps_the_rest_of_the_initial_model(encoder, tmp_path):
    model = bert_tf.load_model(encoder)
    model.kept_config["their_key"] = 7
    bert_tf.save_model(model, tmp_path / "init")
    changed = initial_model(PretrainingConfig(init=str(tmp_path / "init"), dropout=0.3))
    assert changed.config.dropout == changed.config.attention_dropout == 0.3
    assert changed.kept_config["their_key"] == 7
    np.testing.assert_array_equal(changed.encoder.token_embedding.embeddings, model.token_embedding.embeddings)


@pytest.mark.parametrize(("objective", "outputs"), [("nsp", {"masked_lm", "next_sentence"}), ("mlm", {"masked_lm"})])
def test_an_initial_model_of_the_next_sentence_alone_gets_the_other_head(objective, outputs):
    config = PretrainingConfig(init=str(FOLDER / "BertForNextSentencePrediction"), objective=objective)
    assert set(initial_model(config).output) == outputs


def test_devices_must_divide_the_batch(files):
    model = types.SimpleNamespace(distribute_strategy=types.SimpleNamespace(num_replicas_in_sync=3),
                                  config=EncoderConfig.tiny())
    with pytest.raises(ValueError, match="Received: batch_size=8, devices=3, accumulate=2"):
        compile_model(model, config_of(files, accumulate=2))


@pytest.mark.slow
def test_a_loss_that_is_no_number_names_the_way_on(files, tmp_path):
    with pytest.raises(ValueError, match="Expected a finite loss. Received: loss=nan at step .*--on_nan=skip"):
        pretrain(config_of(files, learning_rate=1e30, warmup_steps=0), tmp_path / "run")
    assert not (tmp_path / "run" / "model.safetensors").exists()
