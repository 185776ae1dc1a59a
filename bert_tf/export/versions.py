"""Version folders, NAME/1, NAME/2 ..., as TensorFlow Serving watches them."""

import contextlib
import pathlib
import shutil
import uuid
from collections.abc import Iterator

from bert_tf.config import require


def free_version(folder: pathlib.Path, version: int | None = None) -> int:
    """`version`, or one more than the largest in `folder`, which need not exist.

    Raises:
        ValueError: `version` is taken or is no positive number, or `folder` is a file.
    """
    require(not folder.exists() or folder.is_dir(), "a folder, or nothing, at the path to write to", path=str(folder))
    if version is None:
        taken = [int(path.name) for path in folder.glob("*") if path.name.isdecimal()]
        return max(taken, default=0) + 1
    require(version >= 1, "`version` >= 1", version=version)
    require(not (folder / str(version)).exists(), "a version that does not exist yet", version=version,
            path=str(folder / str(version)))
    return version


@contextlib.contextmanager
def new_version(folder: pathlib.Path, version: int) -> Iterator[pathlib.Path]:
    """Gives an empty folder to write into, which becomes `folder/version` in one step when all went well.

    Until then its name is hidden and is no number, so a server that watches `folder` takes no notice.

    Raises:
        ValueError: the version has come into being in the meantime.
    """
    unfinished = folder / f".{version}.{uuid.uuid4().hex[:8]}.unfinished"
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        free_version(folder, version)
        unfinished.rename(folder / str(version))
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        with contextlib.suppress(OSError):
            folder.rmdir()  # unless another version is in it
        raise
