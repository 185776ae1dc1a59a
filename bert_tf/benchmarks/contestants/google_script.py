"""create_pretraining_data.py of google-research/bert, as the package bert-tensorflow holds it."""

import random
from pathlib import Path

import tensorflow as tf
from absl import flags
from bert import create_pretraining_data, tokenization

_MASKED_RATE = 0.15


class Builder:
    """Calls the script's own functions with its own defaults, but for one copy of the text (`dupe_factor`)."""

    def __init__(self, job: dict):
        if not flags.FLAGS.is_parsed():
            flags.FLAGS(["create_pretraining_data.py"])
        self._job = job
        self._tokenizer = tokenization.FullTokenizer(job["vocabulary"], do_lower_case=job["lowercase"])
        self._max_masked = max(1, round(_MASKED_RATE * job["sequence_length"]))

    def build(self) -> tuple[int, int]:
        """Examples and tokens of one pass; they go to a record file."""
        instances = self._instances()
        path = Path(self._job["folder"], "google.tfrecord")
        create_pretraining_data.write_instance_to_example_files(
            instances, self._tokenizer, self._job["sequence_length"], self._max_masked, [str(path)])
        path.unlink()
        return len(instances), sum(len(instance.tokens) for instance in instances)

    def samples(self, number: int) -> list[tuple[list[int], list[int], float]]:
        """The first examples, unmasked again."""
        return [self._sample(instance) for instance in self._instances()[:number]]

    def _instances(self) -> list:
        tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
        return create_pretraining_data.create_training_instances(
            [self._job["text"]], self._tokenizer, self._job["sequence_length"], dupe_factor=1, short_seq_prob=0.1,
            masked_lm_prob=_MASKED_RATE, max_predictions_per_seq=self._max_masked,
            rng=random.Random(self._job["seed"]))

    def _sample(self, instance) -> tuple[list[int], list[int], float]:
        tokens = list(instance.tokens)
        for position, label in zip(instance.masked_lm_positions, instance.masked_lm_labels, strict=True):
            tokens[position] = label
        ids = self._tokenizer.convert_tokens_to_ids(tokens)
        second = ids.index(self._tokenizer.vocab["[SEP]"]) + 1
        return ids[1:second - 1], ids[second:-1], len(instance.masked_lm_positions) / len(tokens)
