"""A .tflite file in LiteRT's interpreter."""

import os
from collections.abc import Mapping

import numpy as np


class PhoneModel:
    """A .tflite file in LiteRT's interpreter; one call at a time.

    Args:
        path: the file.
        num_threads: that share the work of a call.
    """

    def __init__(self, path: str | os.PathLike, num_threads: int = 1):
        import tensorflow_text
        from ai_edge_litert.interpreter import InterpreterWithCustomOps

        self._interpreter = InterpreterWithCustomOps(
            model_path=os.fspath(path), num_threads=num_threads,
            custom_op_registerers=tensorflow_text.tflite_registrar.SELECT_TFTEXT_OPS)
        self.signatures = tuple(self._interpreter.get_signature_list())
        self._runners = {name: self._interpreter.get_signature_runner(name) for name in self.signatures}

    def outputs(self, signature: str) -> tuple[str, ...]:
        """The names of what comes out."""
        return tuple(self._runners[signature].get_output_details())

    def __call__(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Runs a signature."""
        return self._runners[signature](**inputs)
