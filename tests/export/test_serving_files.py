import re

import yaml

from bert_tf.export.serving_files import batching_config, compose_file, models_config


def test_configurations_are_text_protocol_buffers():
    # Comments, names, braces, numbers and quoted strings, and as many braces closed as opened.
    for text in (models_config("sst2"), batching_config()):
        plain = re.sub(r"#.*", "", text)
        assert not re.sub(r'\w+:?|"[\w./-]*"|[{}]|\s', "", plain)
        assert plain.count("{") == plain.count("}") > 0
    assert 'base_path: "/models/sst2"' in models_config("sst2")
    settings = dict(re.findall(r"^(\w+) \{ value: (\d+) \}$", batching_config(), re.M))
    assert set(settings) == {"max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads"}


def test_compose_file_mounts_what_the_configuration_names():
    service = yaml.safe_load(compose_file("sst2"))["services"]["serving"]
    assert service["volumes"] == [".:/models/sst2:ro"]
    assert "--model_config_file=/models/sst2/models.config" in service["command"]
    assert "--batching_parameters_file=/models/sst2/batching.config" in service["command"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_compose_file_without_batching():
    service = yaml.safe_load(compose_file("swag", batching=False))["services"]["serving"]
    assert service["command"] == ["--model_config_file=/models/swag/models.config"]
