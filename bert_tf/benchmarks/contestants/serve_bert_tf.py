"""bert_tf answers texts: its SavedModel, and the local server around it."""

import atexit
import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from bert_tf.config import require
from bert_tf.server.served_model import ServedModel
from bert_tf.workflows.export import export_saved_model

_SERVER = """
import sys
from bert_tf.workflows.serve import serve
serve(sys.argv[1], port=int(sys.argv[2]), max_request_bytes=2**23, intra_op_parallelism=1)
"""
_START_SECONDS = 600


def saved_model(job: dict, precision: str) -> Callable[[list[str]], np.ndarray]:
    """From texts to probabilities, through the SavedModel's signature as a server calls it."""
    served = ServedModel(_exported(job, precision))
    return lambda texts: served.answer({"text": tf.constant(texts)})["probabilities"]


def local_server(job: dict) -> Callable[[list[str]], np.ndarray]:
    """From texts to probabilities, over a connection that each thread keeps open."""
    folder = _exported(job, "bfloat16")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", _SERVER, str(folder), str(port)], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    atexit.register(process.terminate)
    end = time.monotonic() + _START_SECONDS
    while not _answers(port):
        require(process.poll() is None and time.monotonic() < end, "the server to start", model=str(folder))
        time.sleep(0.2)
    kept = threading.local()

    def answer(texts: list[str]) -> np.ndarray:
        if not hasattr(kept, "connection"):
            kept.connection = http.client.HTTPConnection("127.0.0.1", port)
        status, body = _posted(kept.connection, f"/v1/models/{folder.name}:predict", json.dumps({"inputs": texts}))
        require(status == 200, "an answer from the server", error=body.get("error"))
        return np.array(body["outputs"]["probabilities"])
    return answer


def _posted(connection: http.client.HTTPConnection, path: str, content: str) -> tuple[int, dict]:
    try:
        connection.request("POST", path, content)
        response = connection.getresponse()
    except ConnectionError:
        # Between two turns the server has closed it for having been idle; a request opens it again.
        connection.close()
        connection.request("POST", path, content)
        response = connection.getresponse()
    return response.status, json.loads(response.read())


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _exported(job: dict, precision: str) -> Path:
    """The folder of the SavedModel; written once."""
    folder = Path(job["folder"], f"served_{precision}")
    if not folder.exists():
        export_saved_model(job["model"], str(folder), max_length=job["sequence_length"], precision=precision,
                           pairs=False, report=lambda line: None)
    return folder
