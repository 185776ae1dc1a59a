import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from bert_tf.export.saved_model import save_endpoint
from bert_tf.workflows.serve import listen, serve
from tests.export.heads import endpoint

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/serve.py"


@pytest.mark.slow
def test_the_script_serves_on_loopback_until_it_is_stopped(tmp_path):
    save_endpoint(endpoint("classification"), tmp_path / "reviews/2")
    process = subprocess.Popen([sys.executable, SCRIPT, f"--model={tmp_path / 'reviews'}", "--port=0",
                                "--tensorflow_intra_op_parallelism=1"], stderr=subprocess.PIPE, text=True)
    try:
        line = next(line for line in process.stderr if "http://" in line)
        address = line.split("http://")[1].split("/")[0]
        assert address.startswith("127.0.0.1:") and "Model reviews, version 2" in line
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
