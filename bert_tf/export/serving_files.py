"""What TensorFlow Serving wants beside a model: its configuration, and how to start it."""

IMAGE = "tensorflow/serving:2.20.0"
"""The newest release; of tf-text the graphs need FastBertNormalize and FastWordpieceTokenizeWithOffsets only."""


def models_config(name: str) -> str:
    """`--model_config_file`: the newest version of one model."""
    return f"""\
model_config_list {{
  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
    model_version_policy {{ latest {{ num_versions: 1 }} }}
  }}
}}
"""


def batching_config() -> str:
    """`--batching_parameters_file`: rows of requests that arrive together are answered together."""
    return """\
# Rows in a batch at most; a batch waits this long for more rows; batches that may wait before requests are refused;
# batches at a time, best the number of cores or 1 on a GPU.
max_batch_size { value: 32 }
batch_timeout_micros { value: 1000 }
max_enqueued_batches { value: 1000 }
num_batch_threads { value: 4 }
# Never set pad_variable_length_inputs: it fills up rows with their first element, and [CLS] is no padding.
# Strings need none. Clients of from_ids must all pad to the same length, and clients of multiple choice fill up with
# empty strings to the same number of choices, or send whole batches to a server without --enable_batching.
"""


def compose_file(name: str, *, batching: bool = True) -> str:
    """docker-compose.yml: a server on this machine's ports 8500 (gRPC) and 8501 (REST).

    Args:
        name: of the model.
        batching: requests are answered together. The server joins rows of equal shape only, so requests with different
            numbers of choices at a time would all fail.
    """
    flags = [f"--model_config_file=/models/{name}/models.config"]
    if batching:
        flags += ["--enable_batching=true", f"--batching_parameters_file=/models/{name}/batching.config"]
    command = "\n".join(f"      - {flag}" for flag in flags)
    return f"""\
services:
  serving:
    image: {IMAGE}
    command:
{command}
    volumes:
      - .:/models/{name}:ro
    ports:
      - 127.0.0.1:8500:8500
      - 127.0.0.1:8501:8501
"""
