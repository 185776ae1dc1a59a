"""The work of `scripts/serve.py`."""

import contextlib
import socket
from pathlib import Path

import tensorflow as tf
import uvicorn
from absl import logging

from bert_tf.config import require
from bert_tf.server.app import make_app
from bert_tf.server.served_function import ServedFunction
from bert_tf.server.served_model import ServedModel


def serve(model: str | Path, *, host: str = "127.0.0.1", port: int = 8501, version: int | None = None,
          max_request_bytes: int, intra_op_parallelism: int = 0) -> None:
    """Serves an exported model over HTTP until the process is stopped.

    Args:
        model: `saved_models/NAME`, or a `.tflite` file that takes strings, whose version is 1.
        host: the address to bind to; everything but the default is open to other machines.
        port: 0 for any free one; it is logged.
        version: another version than the newest, of a folder.
        max_request_bytes: longer requests are refused.
        intra_op_parallelism: of a folder: threads that work on one operation of one request; 0 for one per core.

    Raises:
        ValueError: no such model or version, or the port is taken.
    """
    served = _opened(Path(model), version, intra_op_parallelism)
    listening = listen(host, port)
    logging.info("Model %s, version %d: http://%s:%d/ (POST /v1/models/%s:predict)", served.name, served.version,
                 *listening.getsockname()[:2], served.name)
    server = uvicorn.Server(uvicorn.Config(make_app(served, max_request_bytes), log_level="warning"))
    # The server has ended in good order when it passes Ctrl-C on.
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listening])


def _opened(model: Path, version: int | None, intra_op_parallelism: int) -> ServedModel | ServedFunction:
    if model.suffix == ".tflite":
        require(version is None and not intra_op_parallelism, "neither versions nor TensorFlow's threads for a LiteRT "
                "file, which has one version and gives each request a core, or all of them to a request that is alone",
                version=version, intra_op_parallelism=intra_op_parallelism)
        # With all endpoints, which a SavedModel does not need.
        from bert_tf.export.litert_endpoint import LiteRTEndpoint

        endpoint = LiteRTEndpoint(model)
        return ServedFunction(model.stem, endpoint.answer, endpoint.inputs)
    if intra_op_parallelism:
        tf.config.threading.set_intra_op_parallelism_threads(intra_op_parallelism)
    return ServedModel(model, version)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket whose connections send at once.

    Raises:
        ValueError: the address or the port cannot be had.
    """
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise ValueError(f"Expected a free port and an address of this machine. "
                         f"Received: host={host!r}, port={port} ({error}).") from None
    # Connections inherit it. Without it the second half of every answer waits some 40 ms for a delayed acknowledgement;
    # asyncio sets it only for sockets made with the protocol's number.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
