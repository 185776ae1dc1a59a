import json
import socket
import subprocess
import sys
import time
import types
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from bert_tf.export.saved_model import save_endpoint
from bert_tf.workflows.serve import listen, serve
from tests.export.heads import endpoint
from tests.export.litert_files import written

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/serve.py"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["reviews", "reviews.tflite"])
def test_the_script_serves_on_loopback_until_it_is_stopped(name, tmp_path):
    if name == "reviews":
        save_endpoint(endpoint("classification"), tmp_path / "reviews/2")
        version, options = 2, ["--tensorflow_intra_op_parallelism=1"]
    else:
        written("classification", tmp_path / name, (8, 40))
        version, options = 1, []
    process = subprocess.Popen([sys.executable, SCRIPT, f"--model={tmp_path / name}", "--port=0", *options],
                               stderr=subprocess.PIPE, text=True)
    try:
        line = next(line for line in process.stderr if "http://" in line)
        address = line.split("http://")[1].split("/")[0]
        assert address.startswith("127.0.0.1:") and f"Model reviews, version {version}" in line
        request = urllib.request.Request(f"http://{address}/v1/models/reviews:predict",
                                         b'{"instances": ["My sister\'s dog"]}')
        for _ in range(100):
            try:
                body = urllib.request.urlopen(request, timeout=30).read()
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        assert json.loads(body)["predictions"][0]["label"] in ("bad", "fair", "good")
    finally:
        process.terminate()
        assert process.wait(30) in (0, -15, 143)
        process.stderr.close()


def test_a_litert_file_has_neither_versions_nor_threads_of_tensorflow(tmp_path):
    for options in ({"version": 1}, {"intra_op_parallelism": 2}):
        with pytest.raises(ValueError, match="neither versions nor TensorFlow's threads for a LiteRT file"):
            serve(tmp_path / "reviews.tflite", max_request_bytes=1, **options)
    with pytest.raises(ValueError, match=r"a LiteRT file as scripts/export\.py .*reviews\.tflite"):
        serve(tmp_path / "reviews.tflite", max_request_bytes=1)


def test_refuses_a_port_that_is_taken_and_a_folder_without_models(tmp_path):
    with pytest.raises(ValueError, match="folder with exported models"):
        serve(tmp_path, max_request_bytes=1)
    save_endpoint(endpoint("classification"), tmp_path / "reviews/1")
    for port in (70_000, 1):
        with pytest.raises(ValueError, match="a free port and an address of this machine"):
            serve(tmp_path / "reviews", host="203.0.113.1", port=port, max_request_bytes=1)


def test_answers_do_not_wait_for_acknowledgements():
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_ctrl_c_is_a_good_end(monkeypatch):
    def interrupted(self, sockets):
        sockets[0].close()
        raise KeyboardInterrupt  # as uvicorn does once it has shut down

    monkeypatch.setattr("bert_tf.workflows.serve._opened", lambda *_: types.SimpleNamespace(name="a", version=1))
    monkeypatch.setattr("uvicorn.Server.run", interrupted)
    serve("a", port=0, max_request_bytes=1)
