"""What the benchmarks work on: real text, and models with random weights."""

import os
from pathlib import Path

import keras
import numpy as np

from bert_tf.config import BenchmarkConfig, EncoderConfig, require
from bert_tf.data.glue import glue_task, read_glue
from bert_tf.data.readers import find_files, open_text
from bert_tf.model_directory import save_model
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.training.distributed import distributed

DATA_VARIABLE = "BERT_TF_TEST_DATA"
TEXT, VOCABULARY, SST2 = "pretrain/en/wikipedia.txt", "vocab/bert-base-uncased-vocab.txt", "glue/SST-2/train.tsv"
"""Where these lie in a folder of data."""


def data_folder(config: BenchmarkConfig) -> Path | None:
    """The folder of data, if the configuration or the environment names one."""
    if config.data is None:
        neighbour = Path(__file__).parents[3] / "shared" / "data"
        folder = Path(os.environ.get(DATA_VARIABLE) or neighbour)
    else:
        folder = Path(config.data).expanduser()
    return folder if folder.is_dir() else None


def text_files(config: BenchmarkConfig) -> list[Path]:
    """Sentence files.

    Raises:
        ValueError: none are named.
    """
    return _files(config, TEXT, "sentence files", tables=False)


def sst2_file(config: BenchmarkConfig) -> Path:
    """The training examples of SST-2.

    Raises:
        ValueError: none are named.
    """
    return _files(config, SST2, "a .tsv file of SST-2", tables=True)[0]


def vocabulary_file(config: BenchmarkConfig) -> Path:
    """The vocab.txt.

    Raises:
        ValueError: none is named.
    """
    folder = data_folder(config)
    path = Path(config.vocabulary) if config.vocabulary else folder and folder / VOCABULARY
    require(path is not None and path.is_file(), "`--vocabulary`, a vocab.txt, or a folder of data in `--data`",
            vocabulary=config.vocabulary, data=config.data)
    return path


def tokenizer(config: BenchmarkConfig) -> WordPieceTokenizer:
    """Ours, of the vocabulary."""
    return WordPieceTokenizer(vocabulary_file(config), lowercase=config.lowercase)


def first_lines(config: BenchmarkConfig, num_bytes: int) -> list[str]:
    """The first lines of the text, blank ones between documents included, that are about `num_bytes` together."""
    lines = []
    for path in text_files(config):
        with open_text(path) as stream:
            for line in stream:
                lines.append(line.decode(errors="ignore").rstrip("\n"))
                num_bytes -= len(line)
                if num_bytes <= 0:
                    return lines
    return lines


def requests(config: BenchmarkConfig, number: int) -> list[str]:
    """Texts as users send them, of mixed real length: one to four sentences that follow each other in SST-2, or in the
    text where there is no SST-2.

    Drawn at random; a request that would be longer than half a kilobyte keeps the sentences that fit.
    """
    try:
        sst2_file(config)
    except ValueError:
        lines = [line for line in first_lines(config, 4_000_000) if line.strip()]
    else:
        lines = [example.text for example in sst2_examples(config)]
    random = np.random.default_rng(config.seed)
    texts = []
    for start, count in zip(random.integers(0, len(lines), number), random.integers(1, 5, number), strict=True):
        text = lines[start]
        for line in lines[start + 1:start + count]:
            text = text if len(text) + len(line) > 500 else f"{text} {line}"
        texts.append(text)
    return texts


def sst2_examples(config: BenchmarkConfig) -> list:
    """SST-2's training examples, `TextExample`s."""
    return read_glue(glue_task("sst2"), str(sst2_file(config)))


def random_model(model_class: type, config: BenchmarkConfig, folder: Path, **arguments) -> Path:
    """Saves a model of random weights, in Hugging Face's format; returns its folder.

    Biases are random, too: TensorFlow leaves out those that are zero, which no trained model has. Logits of pieces have
    a deviation of about two instead of one half, so that a loss tells which positions it is of.

    Args:
        model_class: one of ours.
        config: names size, vocabulary and seed.
        folder: for the new one.
        **arguments: for the constructor.
    """
    pieces = tokenizer(config)
    keras.utils.set_random_seed(config.seed)
    encoder = EncoderConfig.from_size(config.size, vocabulary_size=len(pieces.vocabulary))
    model = distributed(model_class)(encoder, dtype="float32", **arguments)
    random = np.random.default_rng(config.seed)
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign_add(random.normal(0, 0.02, weight.shape).astype(np.float32))
    if isinstance(model, BertPretrainer):
        gamma = model.masked_lm_head.norm.gamma
        gamma.assign(4 * gamma)
    save_model(model, folder / "model", tokenizer=pieces)
    return folder / "model"


def _files(config: BenchmarkConfig, place: str, what: str, *, tables: bool) -> list[Path]:
    """The file at `place` in the folder of data, or those that are named and are, or are not, `.tsv`."""
    folder = data_folder(config)
    if folder is not None:
        require((folder / place).is_file(), f"{what} at {place} in the folder of data", data=str(folder))
        return [folder / place]
    names = [name for name in (config.data or "").split(",") if name.strip() and
             name.strip().endswith(".tsv") == tables]
    require(bool(names), f"`--data`: {what}, or a folder of data", data=config.data)
    return find_files(names)
