import os
import subprocess
import sys

import pytest

SCRIPT = """
from absl import app, flags
from bert_tf.workflows.command_line import run
_FAIL = flags.DEFINE_string("fail", None, "What to raise.")

def main(argv):
    if len(argv) > 2:
        raise app.UsageError(f"Expected one text. Received: {argv[1:]}.")
    if _FAIL.value:
        raise {"value": ValueError("Expected this.\\nReceived: that."),
               "file": FileNotFoundError(2, "No such file", "x"),
               "interrupt": KeyboardInterrupt(), "pipe": BrokenPipeError("another"),
               "bug": TypeError("a bug")}[_FAIL.value]
    print("done", argv[1:])

run(main)
"""


def run_script(*arguments):
    return subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True)


def test_runs_main_with_what_is_no_flag():
    done = run_script("text", "--fail=")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done ['text']\n", "")


@pytest.mark.parametrize("kind, message", [
    ("value", "error: Expected this. Received: that.\n"), ("file", "error: [Errno 2] No such file: 'x'\n"),
    ("pipe", "error: another\n")])
def test_an_error_of_the_user_is_one_line(kind, message):
    done = run_script(f"--fail={kind}")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)


def test_an_interruption_is_one_word():
    done = run_script("--fail=interrupt")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")
    assert "Traceback" in run_script("--fail=interrupt", "--verbosity=1").stderr


def test_a_reader_that_goes_away_is_no_error():
    script = f"{SCRIPT.partition('run(main)')[0]}run(lambda argv: [print('x' * 1000) for _ in range(1000)])"
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process = subprocess.Popen([sys.executable, "-c", script], **pipes)
    assert process.stdout.readline() == "x" * 1000 + "\n"
    process.stdout.close()
    assert (process.stderr.read(), process.wait(30)) == ("", 141)
    process.stderr.close()


@pytest.mark.parametrize("arguments", [["--fail=bug"], ["--fail=value", "--verbosity=1"]])
def test_a_bug_shows_its_traceback(arguments):
    done = run_script(*arguments)
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_usage_errors_show_the_flags():
    done = run_script("one", "two")
    assert done.returncode == 1
    assert "Expected one text. Received: ['one', 'two']." in done.stdout + done.stderr


@pytest.mark.parametrize("variable, options", [("TF_ENABLE_ONEDNN_OPTS", "trains=True"), ("TF_CPP_MIN_LOG_LEVEL", "")])
@pytest.mark.parametrize("given, expected", [(None, "1"), ("0", "0")])
def test_sets_what_tensorflow_reads_unless_the_user_decides(variable, options, given, expected):
    script = ("import os, sys\nfrom bert_tf.workflows.command_line import run\n"
              f"run(lambda argv: print(os.environ['{variable}'], 'tensorflow' in sys.modules), {options})")
    environment = {key: value for key, value in os.environ.items() if key != variable}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          env=environment | ({} if given is None else {variable: given}))
    # Before TensorFlow reads it.
    assert (done.returncode, done.stdout) == (0, f"{expected} False\n")
