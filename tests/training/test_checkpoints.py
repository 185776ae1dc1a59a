import pathlib
import shutil
import subprocess
import sys

import pytest

from bert_tf.training.checkpoint_file import checkpoint_size
from bert_tf.training.checkpoints import Checkpoints, list_checkpoints
from tests.training.problems import tiny_model

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def model():
    model = tiny_model()
    model.optimizer.build(model.trainable_variables)
    return model


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def file_of(step):
    return f"step-{step:09d}.safetensors"


def test_keeps_the_newest_and_the_best_and_leaves_no_temporary_file(tmp_path, model):
    checkpoints = Checkpoints(tmp_path, model, keep=2)
    for step in (1, 5, 20, 100):
        checkpoints.save(step, best=5)
    assert names(tmp_path) == [file_of(5), file_of(20), file_of(100)]
    checkpoints.save(101, best=101)
    assert names(tmp_path) == [file_of(100), file_of(101)]
    assert checkpoints.newest() == list_checkpoints(tmp_path)[-1] == tmp_path / file_of(101)


def test_a_damaged_newest_one_is_passed_over_and_set_aside(tmp_path, model, caplog):
    checkpoints = Checkpoints(tmp_path, model, keep=3)
    for step in (1, 2, 3):
        path = checkpoints.save(step, {"seconds": step})
    path.write_bytes(path.read_bytes()[:-10])
    assert checkpoints.restore() == (2, {"seconds": 2})
    assert file_of(3) in caplog.text and "The checkpoint before it is tried" in caplog.text
    checkpoints.set_aside_after(2)
    assert names(tmp_path) == [file_of(1), file_of(2), file_of(3) + ".damaged"]
    for number in (1, 2):
        (tmp_path / file_of(number)).write_bytes(b"x")
    with pytest.raises(ValueError, match="an undamaged checkpoint to resume from in .*. Received: 2 damaged"):
        checkpoints.restore()


def test_nothing_to_resume_from(tmp_path, model):
    with pytest.raises(ValueError, match="a checkpoint to resume from in .*none. Received: none"):
        Checkpoints(tmp_path / "none", model).restore()


def test_other_workers_write_nothing(tmp_path, model):
    checkpoints = Checkpoints(tmp_path / "run", model, chief=False)
    checkpoints.check_room()
    checkpoints.save(1)
    assert not (tmp_path / "run").exists()


def test_a_disk_that_is_too_small_is_refused_at_the_door(tmp_path, model, monkeypatch):
    size = checkpoint_size(model)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10 * size, 7 * size, 3 * size))
    with pytest.raises(ValueError, match=r"room for 4 checkpoints of 0\.\d MB in .*free='0\.\d MB'"):
        Checkpoints(tmp_path, model, keep=2).check_room()
    Checkpoints(tmp_path, model, keep=2).save(1)
    Checkpoints(tmp_path, model, keep=2).save(2)
    Checkpoints(tmp_path, model, keep=2).check_room()


ON_A_TINY_DISK = """
import sys
from bert_tf.training.checkpoint_file import read_checkpoint
from bert_tf.training.checkpoints import Checkpoints, list_checkpoints
from tests.training.problems import tiny_model
model = tiny_model()
model.optimizer.build(model.trainable_variables)
checkpoints = Checkpoints(sys.argv[1], model, keep=5)
try:
    for step in range(1, 100):
        checkpoints.save(step)
except OSError as error:
    print(error)
for path in list_checkpoints(sys.argv[1]):
    assert read_checkpoint(path, model)[0] >= 1
print(sorted(path.name for path in checkpoints.directory.iterdir()))
"""


@pytest.mark.slow
def test_a_disk_that_really_is_full(tmp_path):
    size = checkpoint_size(tiny_model())
    script = (f"mount -t tmpfs -o size={2 * size + 100_000} none {tmp_path} && "
              f"exec {sys.executable} -c '{ON_A_TINY_DISK}' {tmp_path}")
    namespace = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*namespace, f"mount -t tmpfs none {tmp_path}"],
                                                     capture_output=True).returncode:
        pytest.skip("no right to mount a small disk here")
    result = subprocess.run([*namespace, script], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    error, left = result.stdout.strip().splitlines()
    assert f"Expected to write {size / 1e6:.1f} MB to" in error and "No space left on device" in error
    assert f"The checkpoint before: {tmp_path / file_of(2)}" in error
    assert left == str([file_of(1), file_of(2)])
