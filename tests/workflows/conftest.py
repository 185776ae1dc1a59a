import numpy as np
import pytest

from tests.workflows.finetuning import write_encoder


@pytest.fixture(scope="session")
def encoder(tmp_path_factory):
    """The folder of a tiny random encoder."""
    return write_encoder(tmp_path_factory.mktemp("encoder") / "model")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with `text.txt`, sentences of random words in small documents, and their `vocab.txt`."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    words = ["cat", "dog", "sees", "likes", "old", "the", "a", "bird", "house", "day"]
    documents = ["\n".join(" ".join(rng.choice(words, 6)) for _ in range(4)) for _ in range(40)]
    (folder / "text.txt").write_text("\n\n".join(documents))
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]) + "\n")
    return folder
