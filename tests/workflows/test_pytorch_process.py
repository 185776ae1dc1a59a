import pytest

from bert_tf.workflows.pytorch_process import pytorch_outputs
from tests.weights.hugging_face_models import INPUTS


def test_a_folder_that_the_library_cannot_open_is_one_error(tmp_path):
    # Where the library is not installed, that is the error.
    with pytest.raises(ValueError, match=f"Expected transformers to open {tmp_path}. Received: exit_status=1, "
                                         "error=['\"](OSError|ModuleNotFoundError): "):
        pytorch_outputs("transformers", tmp_path, "BertModel", INPUTS)
