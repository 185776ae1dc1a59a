import dataclasses
import re

from absl import flags

from bert_tf.config import FinetuningConfig, PretrainingConfig, RecordsConfig
from bert_tf.workflows.config_flags import _attribute_descriptions


def test_every_field_of_a_run_has_a_description():
    descriptions = _attribute_descriptions(PretrainingConfig)
    assert list(descriptions) == [field.name for field in dataclasses.fields(PretrainingConfig)]
    assert descriptions["language"] == "ISO code for the sentence splitter."
    # Over two lines in the source.
    assert descriptions["input_layout"].endswith("are split into sentences.")
    assert "\n" not in descriptions["input_layout"]


def test_flags_know_types_and_whether_they_are_given():
    from bert_tf.workflows import config_flags

    @dataclasses.dataclass
    class Config:
        """A test.

        Attributes:
            number_of_things: a count.
            fast_mode: a switch.
            ratio_or_none: a number or None.
        """

        number_of_things: int = 3
        fast_mode: bool = False
        ratio_or_none: float | None = None

    config_flags.define_config_flags(Config)
    flags.FLAGS(["program", "--number_of_things=5", "--ratio_or_none=0.5"])
    assert config_flags.given_flags(Config) == {"number_of_things": 5, "ratio_or_none": 0.5}
    assert "a count. (default: 3)" in flags.FLAGS["number_of_things"].help


def test_descriptions_name_the_values_that_are_allowed():
    for config_class in (PretrainingConfig, FinetuningConfig, RecordsConfig):
        descriptions = _attribute_descriptions(config_class)
        assert not [name for name, text in descriptions.items() if re.search("`[A-Z_]+`", text)]
    assert descriptions["compression"] == "one of none, gzip."
    assert _attribute_descriptions(PretrainingConfig)["size"].endswith("one of tiny, mini, small, medium, base, large.")
