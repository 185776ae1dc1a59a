import pytest

from bert_tf.export.versions import free_version, new_version


def test_the_next_free_version_follows_the_largest(tmp_path):
    assert free_version(tmp_path / "new") == 1
    for name in ("1", "10", "9", "notes", ".11.unfinished"):
        (tmp_path / name).mkdir()
    assert free_version(tmp_path) == 11
    assert free_version(tmp_path, 4) == 4


@pytest.mark.parametrize(("version", "message"), [
    (3, "a version that does not exist yet. Received: version=3"), (0, "`version` >= 1. Received: version=0")])
def test_refuses_a_version(tmp_path, version, message):
    (tmp_path / "3").mkdir()
    with pytest.raises(ValueError, match=message):
        free_version(tmp_path, version)


def test_refuses_a_file(tmp_path):
    (tmp_path / "model").write_text("")
    with pytest.raises(ValueError, match="a folder, or nothing"):
        free_version(tmp_path / "model")


def test_a_version_appears_at_once_and_whole(tmp_path):
    with new_version(tmp_path / "model", 2) as unfinished:
        (unfinished / "saved_model.pb").write_text("half")
        names = [path.name for path in (tmp_path / "model").iterdir()]
        # What a server takes for versions are numbers.
        assert len(names) == 1 and names[0].startswith(".") and not names[0].isdecimal()
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["2"]
    assert (tmp_path / "model/2/saved_model.pb").read_text() == "half"


@pytest.mark.parametrize("existing", [True, False])
def test_nothing_is_left_of_a_failure(tmp_path, existing):
    folder = tmp_path / "model"
    if existing:
        (folder / "1").mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt), new_version(folder, 2) as unfinished:
        (unfinished / "file").write_text("half")
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.rglob("*")] == (["model", "1"] if existing else [])


def test_two_exports_at_a_time_do_not_overwrite_each_other(tmp_path):
    with pytest.raises(ValueError, match="does not exist yet"), new_version(tmp_path, 1) as late:
        (late / "file").write_text("late")
        with new_version(tmp_path, 1) as early:
            (early / "file").write_text("early")
    assert (tmp_path / "1/file").read_text() == "early"
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_a_failure_leaves_what_another_export_has_finished_in_a_new_folder(tmp_path):
    folder = tmp_path / "model"
    with pytest.raises(KeyboardInterrupt), new_version(folder, 2) as unfinished:
        (unfinished / "file").write_text("half")
        with new_version(folder, 1) as other:
            (other / "file").write_text("whole")
        raise KeyboardInterrupt
    assert [path.name for path in folder.iterdir()] == ["1"]
    assert (folder / "1/file").read_text() == "whole"
