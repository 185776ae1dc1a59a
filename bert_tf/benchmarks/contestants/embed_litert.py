"""A sentence embedder in LiteRT."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from bert_tf.benchmarks.batching import Batch


def embedder(job: dict, quantize: str) -> Callable[[Batch], np.ndarray]:
    """From packed ids to the embedding; the file is what `scripts/export.py --format=tflite --input=ids` writes."""
    path = Path(job["folder"], f"{quantize}.tflite")
    if not path.exists():
        from bert_tf.workflows.export_tflite import export_tflite

        export_tflite(job["model"], str(path), takes_text=False, quantize=quantize, calibration=job["calibration"],
                      check_texts=job["calibration"], max_length=job["tokens"], report=lambda line: None)
    interpreter = Interpreter(str(path), num_threads=job["threads"])
    run = interpreter.get_signature_runner()
    names = list(run.get_input_details())
    return lambda features: run(**{name: features[name].astype(np.int32) for name in names})["embedding"]
