import glob
import gzip
import pathlib
import time

import pytest

from bert_tf.data import readers
from bert_tf.data.readers import (
    ReadCounts,
    find_files,
    matches_pattern,
    read_documents,
    read_lines,
    separate_patterns,
    split_sentences,
    write_sentence_file,
)


def write(path, content):
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return str(path)


def test_finds_files_sorted_and_once(tmp_path):
    for name in ("b.txt", "a.txt", "c.md", "odd [1].txt"):
        write(tmp_path / name, "x")
    found = find_files(f"{tmp_path}/*.txt, {tmp_path}/a.txt,{tmp_path}/c.md,{tmp_path}/odd [1].txt")
    assert [path.name for path in found] == ["a.txt", "b.txt", "c.md", "odd [1].txt"]
    assert find_files([f"{tmp_path}/c.md"]) == [tmp_path / "c.md"]


def test_patterns_are_written_like_the_paths_that_they_match(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert separate_patterns("./a/*.txt, ~/b,,/c//d/*") == ["a/*.txt", "/home/me/b", "/c/d/*"]


@pytest.mark.parametrize("pattern", ["a/*", "a/*/*", "a/**", "**", "**/x.txt", "a/**/x.txt", "a/**/b/**/x.*",
                                     "*/[xy].txt", "?/x.txt", "a**/x.txt", "/a/x.txt"])
def test_a_path_matches_the_patterns_that_find_it(tmp_path, monkeypatch, pattern):
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    paths = [pathlib.Path("a", folder, name) for folder in ("", "b", "b/c") for name in ("x.txt", "y.txt")]
    for path in paths:
        write(tmp_path / path, "x")
    monkeypatch.chdir(tmp_path)
    found = {pathlib.Path(name) for name in glob.glob(pattern, recursive=True)}  # noqa: PTH207
    assert [matches_pattern(path, pattern) for path in paths] == [path in found for path in paths]


@pytest.mark.parametrize("pattern, message", [
    ("{0}/*.txt", r"matches files. Received: pattern='.*\*.txt', matches=0"),
    ("{0}/a.md,{0}/gone.md", "matches files. Received: pattern='.*gone.md', matches=0"),
    ("{0}", r"files, not the folder .* \(try .*/\*.txt\)"),
    (" , ", "Expected at least one file name or pattern"),
])
def test_refuses_patterns_without_files(tmp_path, pattern, message):
    write(tmp_path / "a.md", "x")
    with pytest.raises(ValueError, match=message):
        find_files(pattern.format(tmp_path))


def test_refuses_dangling_link(tmp_path):
    (tmp_path / "link.txt").symlink_to(tmp_path / "gone.txt")
    with pytest.raises(ValueError, match="Expected to be able to read .*link.txt"):
        find_files(str(tmp_path / "link.txt"))


@pytest.mark.parametrize("suffix", ["txt", "txt.gz"])
@pytest.mark.parametrize("layout, content", [
    ("sentences", "\n\nIt rains.\n We stay. \r\n\n \t\n\nIt ends.\n"),
    ("lines", "It rains. We stay.\n\nIt ends."),
])
def test_reads_one_file(tmp_path, layout, content, suffix):
    source = write(tmp_path / f"a.{suffix}", content)
    assert list(read_documents(source, layout)) == [["It rains.", "We stay."], ["It ends."]]


def test_reads_a_document_per_file(tmp_path):
    long = "Long lines are paragraphs of their own, even when a blank line is missing between them " + 5 * "and on "
    write(tmp_path / "a.txt", "Title\n\nWrapped by an\neditor. Here\nit ends.\n")
    write(tmp_path / "b.txt", f"{long}\nwithout a full stop. Yes\n")
    write(tmp_path / "c.txt", "\n")
    assert list(read_documents(f"{tmp_path}/*.txt", "files")) == [
        ["Title", "Wrapped by an editor.", "Here it ends."], [long.strip(), "without a full stop.", "Yes"]]


def test_a_file_ends_a_document(tmp_path):
    write(tmp_path / "a.txt", "One.")
    write(tmp_path / "b.txt", "Two.\n")
    assert list(read_documents(f"{tmp_path}/*")) == [["One."], ["Two."]]


def test_reads_lines_of_any_layout(tmp_path):
    write(tmp_path / "a.txt", b"\n One. Two.\n\nBad\xff.\n")
    write(tmp_path / "b.gz", "Three.")
    counts = ReadCounts()
    assert list(read_lines(f"{tmp_path}/*", counts)) == ["One. Two.", "Bad.", "Three."]
    assert counts.first_line_not_utf8 == f"{tmp_path}/a.txt:4" and counts.lines_not_utf8 == 1


def test_drops_and_counts_invalid_bytes(tmp_path):
    source = write(tmp_path / "a.txt", b"\xef\xbb\xbfGood.\nB\xffad \xe2\x82.\n\nN\0ul.\nBad\x80.\n")
    counts = ReadCounts()
    assert list(read_documents(source, counts=counts)) == [["Good.", "Bad ."], ["N\0ul.", "Bad."]]
    assert counts == ReadCounts(documents=2, sentences=4, lines_not_utf8=2, first_line_not_utf8=f"{source}:2")


@pytest.mark.parametrize("name, content, message", [
    ("a.txt", "Text.".encode("utf-16"), "Expected UTF-8 in .*a.txt. Received: encoding='UTF-16 or UTF-32'"),
    ("a.txt", gzip.compress(b"Text.", mtime=0),
     r"Expected text in .*a.txt \(gzip data needs a name that ends in .gz\)"),
])
def test_refuses_what_is_not_text(tmp_path, name, content, message):
    with pytest.raises(ValueError, match=message):
        list(read_documents(write(tmp_path / name, content)))


@pytest.mark.parametrize("damage, reason", [
    (lambda data: data[:-20], "Compressed file ended before"),
    (lambda data: b"Plain" + data, "Not a gzipped file"),
    (lambda data: data[:40] + bytes(100) + data[140:], ""),
])
def test_refuses_damaged_gzip(tmp_path, damage, reason):
    path = tmp_path / "a.gz"
    path.write_bytes(damage(gzip.compress(" ".join(map(str, range(2000))).encode())))
    with pytest.raises(ValueError, match=f"Expected whole gzip data in .*a.gz. Received: .*{reason}"):
        list(read_documents(str(path)))


@pytest.mark.parametrize("arguments, message", [
    (("line",), "Expected `layout` to be one of sentences, lines, files. Received: layout='line'."),
    (("lines", "English"), "Expected `language` to be an ISO 639 code such as en, de or zh. "
                           "Received: language='English'."),
])
def test_refuses_bad_arguments_at_once(tmp_path, arguments, message):
    with pytest.raises(ValueError) as error:
        read_documents(write(tmp_path / "a.txt", "x"), *arguments)
    assert str(error.value) == message


@pytest.mark.parametrize("language, sentences", [
    ("en", ["Dr. Smith left the U.S. in 1990.", "Why?", "🙂 Nobody knows."]),
    ("de", ["Das ist z.B. Herr Dr. Maier.", "Er kommt am 3. Mai."]),
    ("zh", ["今天天气很好。", "我们去公园吧！", "他说：“你好。再见。”", "然后走了。"]),
    ("ja", ["雨が降った。", "「行こう。さあ。」", "彼は帰った！"]),
    ("ko", ["안녕하세요.", "저는 학생입니다.", "반갑습니다!"]),
    ("hi", ["यह एक वाक्य है।", "यह दूसरा है।"]),
    ("th", ["สวัสดีครับ วันนี้อากาศดี"]),
])
def test_splits_sentences_of_any_language(language, sentences):
    paragraph = ("" if language in ("zh", "ja") else " ").join(sentences)
    assert list(split_sentences(paragraph, language)) == sentences


@pytest.mark.parametrize("text", ["x" * 1_000_000, "“a. " * 250_000, " " + "ab " * 300_000, "。" * 300_000])
def test_million_characters_are_linear_and_bounded(text):
    began = time.monotonic()
    sentences = list(split_sentences(text))
    assert time.monotonic() - began < 20  # Quadratic time would be minutes.
    assert max(map(len, sentences)) <= 20_000
    assert "".join(sentences).replace(" ", "") == text.replace(" ", "")


def test_chunks_do_not_break_sentences():
    sentences = [f"This is sentence number {i} of many." for i in range(2000)]
    assert list(split_sentences(" ".join(sentences))) == sentences


def test_writes_what_it_reads(tmp_path):
    path = tmp_path / "new" / "out.txt"
    write_sentence_file([["One\ntwo\r\nthree. ", " \n"], [], [" "], ["四。", "Five\ud800."]], path)
    assert path.read_bytes().decode() == "One two  three.\n\n四。\nFive.\n\n"
    assert list(read_documents(str(path))) == [["One two  three."], ["四。", "Five."]]


def test_an_interrupted_write_keeps_the_old_file(tmp_path):
    def documents():
        yield ["New."]
        raise KeyboardInterrupt

    path = tmp_path / "out.txt"
    path.write_text("Old.\n")
    with pytest.raises(KeyboardInterrupt):
        write_sentence_file(documents(), path)
    assert path.read_text() == "Old.\n"
    assert list(tmp_path.iterdir()) == [path]


def test_reads_tfds(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")

    class Notes(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        pkg_dir_path = tmp_path
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(
                {"document": tfds.features.Text(), "id": tfds.features.Text()}))

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            yield 1, {"document": "First line. Mr. X goes on.\n\nSecond paragraph", "id": "1"}

    builder = Notes(data_dir=str(tmp_path))
    monkeypatch.setattr(tfds, "builder", lambda name, try_gcs: builder)
    assert list(read_documents("tfds:notes")) == [["First line.", "Mr. X goes on.", "Second paragraph"]]
    assert list(read_lines("tfds:notes")) == ["First line. Mr. X goes on.", "Second paragraph"]

    monkeypatch.setattr(readers, "_TFDS_FEATURES", ("title",))
    with pytest.raises(ValueError, match="Expected a feature title in tfds:notes. Received: .*'document', 'id'"):
        list(read_documents("tfds:notes"))


def test_tfds_that_cannot_be_had_is_one_message(monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")

    def no_network(name, try_gcs):
        raise OSError("Could not resolve host\nand a long story")

    monkeypatch.setattr(tfds, "builder", no_network)
    with pytest.raises(ValueError, match="^Expected a TensorFlow data set .*Received: tfds:wikipedia/20230601.en: "
                                         "Could not resolve host$"):
        list(read_documents("tfds:wikipedia/20230601.en"))
