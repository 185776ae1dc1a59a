import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time

import pytest

from bert_tf.config import ExampleConfig, RecordsConfig
from bert_tf.data.record_files import find_records, records_tokenizer
from bert_tf.workflows.build_records import build_records, print_records_summary
from tests.data.record_corpus import config, write_corpus

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def command(*arguments):
    return [sys.executable, str(ROOT / "scripts" / "build_records.py"), *map(str, arguments)]


def script(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True)


@pytest.fixture
def folder(tmp_path):
    write_corpus(tmp_path)
    config(tmp_path)  # writes the vocabulary
    return tmp_path


def test_builds_a_folder_that_pretraining_finds_and_says_what_is_in_it(folder, capsys):
    index = build_records(config(folder), str(folder / "new" / "out"), workers=1)
    assert json.loads((folder / "new" / "out" / "index.json").read_text()) == index
    tokenizer = records_tokenizer(f"{folder}/new/out/*.tfrecord")
    records = find_records(f"{folder}/new/out/*.tfrecord", tokenizer, ExampleConfig(32))
    assert records.num_examples == index["statistics"]["train"]["examples"]
    assert records.num_held_out == index["statistics"]["held_out"]["examples"]
    print_records_summary(index, "out")
    printed = capsys.readouterr().out
    assert f"{records.num_examples:,}" in printed and "pairs with label 1" in printed
    assert "python scripts/pretrain.py --records='out/*.tfrecord' --sequence_length=32\n" in printed
    index["config"] |= {"objective": "mlm", "sequence_length": 128}
    print_records_summary(index, "out")
    assert "python scripts/pretrain.py --records='out/*.tfrecord' --objective=mlm\n" in capsys.readouterr().out
    print_records_summary(index, "Anna's records")
    assert shlex.split(capsys.readouterr().out.splitlines()[-1])[-2:] == [
        "--records=Anna's records/*.tfrecord", "--objective=mlm"]


def test_bad_input_is_refused_and_leaves_no_folder(folder):
    with pytest.raises(ValueError, match="a pattern that matches files"):
        build_records(config(folder, input="/none/*"), str(folder / "out"))
    with pytest.raises(ValueError, match="missing.txt"):
        build_records(config(folder, vocabulary="missing.txt"), str(folder / "out"))
    (folder / "one.txt").write_text("w1 w2\nw3\n")
    with pytest.raises(ValueError, match="at least 2 documents"):
        build_records(config(folder, input=str(folder / "one.txt")), str(folder / "out"))
    assert not (folder / "out").exists()
    with pytest.raises(ValueError, match="an `output` that does not exist or is an empty folder"):
        build_records(config(folder), str(folder))
    with pytest.raises(ValueError, match="Beam's own flags to set the number of workers. Received: workers=2"):
        build_records(config(folder), str(folder / "out"), workers=2, runner="DirectRunner")


def test_text_that_gives_no_example_leaves_no_index(folder):
    (folder / "one.txt").write_text("\n\n".join(f"w{number} w1" for number in range(20)))
    with pytest.raises(ValueError, match=r"text that gives at least one `sop` example to train on. Received: "
                                         r"input='.*one\.txt', train_documents=18, held_out_documents=2"):
        build_records(config(folder, input=str(folder / "one.txt"), objective="sop"), str(folder / "out"))
    assert not (folder / "out" / "index.json").exists()


def test_the_tokeniser_of_a_vocabulary_learned_with_other_options_comes_with_the_records(folder):
    index = build_records(config(folder, lowercase=False, strip_accents=True, split_cjk=False), str(folder / "out"))
    expected = {"lowercase": False, "strip_accents": True, "split_cjk": False, "max_word_characters": 100}
    assert index["tokenizer"] == expected
    found = records_tokenizer(f"{folder}/out/*.tfrecord")
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.slow
def test_the_command_line_names_mistakes(folder):
    result = script("--input=none.txt", f"--vocabulary={folder}/vocab.txt", f"--output={folder}/out")
    assert result.returncode == 1 and result.stderr.strip().splitlines()[-1].startswith("error: Expected a file name")
    result = script("--input=a", "--vocabulary=b", "--output=c", "--sequencelength=4")
    assert result.returncode == 1 and "Unknown command line flag 'sequencelength'" in result.stderr
    for_beam = ("--input=a", "--vocabulary=b", "--output=c", "--runner=DirectRunner", "--num_workers=2")
    result = script(*for_beam, "--sequence_lenght=4")
    assert (result.returncode, result.stderr) == (
        1, "error: Unknown flag --sequence_lenght. Did you mean --sequence_length?\n")
    result = script(*for_beam, "--workers=0")
    assert result.returncode == 1 and result.stderr.startswith("FATAL Flags parsing error: flag --workers=0: ")
    assert "Traceback" not in result.stderr
    assert "Expected `vocabulary` to be a file with a piece per line. Received: vocab" in script(*for_beam).stderr
    text = " ".join(script("--help").stdout.split())
    for name in RecordsConfig.__dataclass_fields__:
        assert f"--{name}: " in text or f"--[no]{name}: " in text, name


@pytest.mark.slow
def test_a_killed_build_is_not_taken_for_a_whole_one(folder):
    text = (folder / "a.txt").read_text()
    (folder / "a.txt").write_text("\n\n".join([text] * 300))
    process = subprocess.Popen(command(
        f"--input={folder}/a.txt", f"--vocabulary={folder}/vocab.txt", f"--output={folder}/out", "--sequence_length=32",
        "--shard_megabytes=0.05"), stderr=subprocess.DEVNULL, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"})
    while process.poll() is None and len(list(folder.glob("out/*.tfrecord"))) < 2:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "out" / "index.json").exists()
    with pytest.raises(ValueError, match=r"index\.json beside .*train-00000\.tfrecord"):
        find_records(f"{folder}/out/*.tfrecord", records_tokenizer(f"{folder}/out/*.tfrecord"), ExampleConfig(32))
    with pytest.raises(ValueError, match="an `output` that does not exist"):
        build_records(config(folder), str(folder / "out"))


def test_without_beam_a_runner_is_an_error_that_says_what_to_install(folder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'bert_tf\[beam\]'. Received: runner='DirectRunner'"):
        build_records(config(folder), str(folder / "out"), runner="DirectRunner")


def test_beam_builds_by_the_same_command(folder):
    pytest.importorskip("apache_beam")
    result = script(f"--input={folder}/[ab].txt", f"--vocabulary={folder}/vocab.txt", f"--output={folder}/out",
                    "--sequence_length=32", "--runner=DirectRunner", "--direct_num_workers=2",
                    "--direct_running_mode=multi_processing")
    assert result.returncode == 0, result.stderr
    assert "--records=" in result.stdout and (folder / "out" / "index.json").exists()
