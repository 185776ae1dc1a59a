import json

import pytest

from bert_tf.config import EncoderConfig, ExampleConfig, MaskingConfig, PretrainingConfig, from_mapping, read_json


def test_presets_are_the_published_shapes():
    shapes = {size: EncoderConfig.from_size(size) for size in ("tiny", "mini", "small", "medium", "base", "large")}
    assert {size: (c.num_layers, c.hidden_dim, c.num_heads, c.intermediate_dim) for size, c in shapes.items()} == {
        "tiny": (2, 128, 2, 512), "mini": (4, 256, 4, 1024), "small": (4, 512, 8, 2048), "medium": (8, 512, 8, 2048),
        "base": (12, 768, 12, 3072), "large": (24, 1024, 16, 4096)}
    assert EncoderConfig.base() == EncoderConfig()
    assert EncoderConfig.tiny(vocabulary_size=7).vocabulary_size == 7


@pytest.mark.parametrize(("changes", "message"), [
    ({"num_heads": 3, "hidden_dim": 10}, "Expected `num_heads` to divide `hidden_dim`. "
                                         "Received: num_heads=3, hidden_dim=10."),
    ({"num_layers": 0}, "Expected `num_layers` to be a whole number >= 1. Received: num_layers=0."),
    ({"vocabulary_size": 1.5}, "vocabulary_size=1.5"),
    ({"activation": "swish"}, "one of gelu, gelu_tanh, relu, silu. Received: activation='swish'."),
    ({"dropout": 1.0}, r"`dropout` in [0, 1). Received: dropout=1.0."),
    ({"layer_norm_epsilon": 0}, "layer_norm_epsilon=0"),
])
def test_encoder_config_refuses(changes, message):
    with pytest.raises(ValueError) as caught:
        EncoderConfig(**changes)
    assert message in str(caught.value)


def test_json_round_trip_and_unknown_keys(tmp_path):
    config = EncoderConfig.mini(activation="gelu_tanh")
    assert EncoderConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    with pytest.raises(ValueError, match="Unknown key `hiden_dim` in run.json. Did you mean `hidden_dim`?"):
        EncoderConfig.from_dict({"hiden_dim": 4}, source="run.json")


def test_json_files_are_named_in_errors(tmp_path):
    with pytest.raises(ValueError, match=r"no\.json. Received: no such file"):
        read_json(tmp_path / "no.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ValueError, match=r"Expected JSON in .*broken\.json. Received: Expecting property name"):
        read_json(tmp_path / "broken.json")
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"JSON object in .*list\.json. Received: type='list'"):
        read_json(tmp_path / "list.json")


def test_number_of_masked_positions():
    # Half to even, as Google's script: 0.15 x 10 = 1.5 -> 2, 0.15 x 30 = 4.5 -> 4.
    assert [MaskingConfig().max_masked(length) for length in (3, 10, 30, 128, 512)] == [1, 2, 4, 19, 77]


def test_example_lengths_leave_room_for_special_tokens():
    assert ExampleConfig(128, "nsp").max_tokens == 125
    assert ExampleConfig(128, "mlm").max_tokens == 126
    with pytest.raises(ValueError, match="objective='rtd'"):
        ExampleConfig(objective="rtd")


@pytest.mark.parametrize(("changes", "message"), [
    ({"steps": 0}, "`steps` >= 1. Received: steps=0."),
    ({"seed": 2**32}, "`seed` in [0, 2**32). Received: seed=4294967296."),
    ({"size": "huge"}, "size='huge'"),
    ({"warmup_steps": 11, "steps": 10}, "warmup_steps=11, steps=10"),
    ({"masking_rate": 0}, "masking_rate=0"),
    ({"objective": "clm"}, "objective='clm'"),
    ({"precision": "half"}, "precision='half'"),
    ({"held_out_share": 0.0}, "held_out_share=0.0"),
    ({"init": "runs/wiki", "vocabulary": "vocab.txt"}, "init='runs/wiki', vocabulary='vocab.txt'"),
    ({"input": "a.txt", "records": "b"}, "either `records` or `input`. Received: records='b', input='a.txt'"),
    ({"extend_vocabulary": "new.txt"}, "`init` beside `extend_vocabulary`"),
    ({"keep_masks": True}, "`records` beside `keep_masks`"),
    ({"data_service": "grpc://a:1"}, "`records` beside `data_service`"),
    ({"batch_size": 10, "accumulate": 4}, "`accumulate` to divide `batch_size`. Received: accumulate=4, batch_size=10"),
    ({"weight_decay": -0.1}, "`weight_decay` >= 0. Received: weight_decay=-0.1"),
    ({"adam_beta_2": 1.0}, "`adam_beta_2` in (0, 1). Received: adam_beta_2=1.0"),
    ({"optimizer": "sgd"}, "one of adamw, lamb. Received: optimizer='sgd'"),
    ({"schedule": "cosine"}, "schedule='cosine'"),
    ({"on_nan": "ignore"}, "one of stop, skip. Received: on_nan='ignore'"),
    ({"xla": True}, "one of auto, on, off. Received: xla=True"),
    ({"ema": 1.0}, "`ema` in (0, 1). Received: ema=1.0"),
    ({"phases": "90%:128,20%:512"}, "the shares of the phases to add up to 100 %"),
    ({"checkpoint_minutes": 0}, "`checkpoint_minutes` > 0"),
    ({"keep_checkpoints": 0}, "`keep_checkpoints` >= 1"),
    ({"tpu": "local", "strategy": "mirrored"}, "the strategy `auto` or `tpu` beside `tpu`"),
])
def test_pretraining_config_refuses(changes, message):
    with pytest.raises(ValueError) as caught:
        PretrainingConfig(**changes)
    assert message in str(caught.value)


def test_a_run_describes_its_encoder():
    encoder = PretrainingConfig(size="mini", dropout=0.0).encoder(100)
    assert encoder == EncoderConfig.mini(vocabulary_size=100, dropout=0.0, attention_dropout=0.0)
    assert PretrainingConfig(size="mini").encoder(100).dropout == 0.1


def test_from_mapping_lists_known_keys_when_none_is_near():
    with pytest.raises(ValueError, match="Unknown key `zzz` in flags. Known keys: masking_rate, "):
        from_mapping(MaskingConfig, {"zzz": 1}, "flags")


@pytest.mark.parametrize(("values", "message"), [
    ({"lowercase": "false"}, "Expected `lowercase` in run.json to be true or false. Received: lowercase='false'."),
    ({"lowercase": 0}, "Expected `lowercase` in run.json to be true or false. Received: lowercase=0."),
    ({"steps": "1000"}, "Expected `steps` in run.json to be a whole number. Received: steps='1000'."),
    ({"steps": None}, "Expected `steps` in run.json to be a whole number. Received: steps=None."),
    ({"batch_size": 32.0}, "Expected `batch_size` in run.json to be a whole number. Received: batch_size=32.0."),
    ({"seed": True}, "Expected `seed` in run.json to be a whole number. Received: seed=True."),
    ({"learning_rate": False}, "Expected `learning_rate` in run.json to be a number. Received: learning_rate=False."),
    ({"ema": "0.9"}, "Expected `ema` in run.json to be a number or null. Received: ema='0.9'."),
    ({"input": ["a.txt"]}, "Expected `input` in run.json to be a string or null. Received: input=['a.txt']."),
    ({"size": None}, "Expected `size` in run.json to be a string. Received: size=None."),
])
def test_from_mapping_refuses_values_of_other_types(values, message):
    with pytest.raises(ValueError) as caught:
        from_mapping(PretrainingConfig, values, "run.json")
    assert str(caught.value) == message


def test_from_mapping_takes_what_json_has_for_a_field():
    values = {"learning_rate": 1, "ema": None, "strip_accents": None, "split_cjk": False, "warmup_steps": 3}
    assert from_mapping(PretrainingConfig, values, "run.json") == PretrainingConfig(**values)
