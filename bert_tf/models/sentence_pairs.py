"""BertSentencePairs: trains a sentence embedder on pairs of texts."""

import keras
from keras import ops

from bert_tf.config import require
from bert_tf.features import ENCODER_INPUTS
from bert_tf.layers.choices import FoldChoices, UnfoldPairs
from bert_tf.models.task_model import TaskModel
from bert_tf.objectives.losses import cosine_similarity, in_batch_cross_entropy

PAIR_OBJECTIVES = ("scores", "negatives")


@keras.saving.register_keras_serializable(package="bert_tf")
class BertSentencePairs(TaskModel):
    """One `BertSentenceEmbedder` for both texts of a pair (Reimers and Gurevych 2019, section 3).

    Inputs: `token_ids`, `segment_ids`, `padding_mask`, int32 `(batch, 2, seq)`.
    Output: dict with `embedding`, float32 `(batch, 2, hidden)`.

    Labels for `fit`, under the key `embedding`: float32 `(batch,)`. With the objective "scores" they are what the
    cosine of a pair should be, and the loss is the squared error. With "negatives" they are ignored: each first text
    has to find its second one among those of the batch on its device, by a softmax over `scale` times the cosines
    (Henderson et al. 2017, section 4); the accuracy says how often it does. `compile(accumulate=...)` would leave a
    text with those of its part of the batch, and is refused.

    Args:
        embedder: a `BertSentenceEmbedder`, trained in place.
        objective: one of `PAIR_OBJECTIVES`.
        scale: of the cosines in the softmax; 20 as in sentence-transformers.
    """

    def __init__(self, embedder: keras.Model, *, objective: str = "scores", scale: float = 20.0,
                 name: str = "sentence_pairs", **kwargs):
        require(objective in PAIR_OBJECTIVES, f"`objective` to be one of {', '.join(PAIR_OBJECTIVES)}",
                objective=objective)
        require(scale > 0, "`scale` > 0", scale=scale)

        # Graph
        inputs = {key: keras.Input((2, None), dtype="int32", name=key) for key in ENCODER_INPUTS}
        rows = {key: FoldChoices(name=f"fold_{key}")(value) for key, value in inputs.items()}
        embedding = UnfoldPairs(dtype="float32", name="unfold_pairs")(embedder(rows)["embedding"])
        super().__init__(inputs=inputs, outputs={"embedding": embedding}, config=embedder.config,
                         dtype=embedder.dtype_policy, name=name, **kwargs)

        # Config
        self.embedder = embedder
        self.encoder = embedder.encoder
        self.objective = objective
        self.scale = scale

    @property
    def task_metrics(self) -> dict[str, tuple[str, ...]]:
        """The loss, and the accuracy where there is one."""
        return {"embedding": ("loss", "accuracy") if self.objective == "negatives" else ("loss",)}

    @property
    def compares_rows(self) -> bool:
        """Whether the other pairs of a batch are the wrong answers."""
        return self.objective == "negatives"

    def element_losses(self, labels, outputs):
        """Squared error of the cosine, or cross-entropy over the second texts of the batch; float32 `(batch,)`."""
        first, second = outputs["embedding"][:, 0], outputs["embedding"][:, 1]
        if self.objective == "negatives":
            return {"embedding": in_batch_cross_entropy(first, second, self.scale)[0]}
        scores = ops.reshape(ops.cast(labels["embedding"], "float32"), (-1,))
        return {"embedding": ops.square(cosine_similarity(first, second) - scores)}

    def element_metrics(self, labels, outputs):
        """Whether each first text finds its second one."""
        if self.objective == "scores":
            return {}
        first, second = outputs["embedding"][:, 0], outputs["embedding"][:, 1]
        return {"embedding": {"accuracy": in_batch_cross_entropy(first, second, self.scale)[1]}}

    def get_config(self):
        """Constructor arguments."""
        return {"embedder": keras.saving.serialize_keras_object(self.embedder), "objective": self.objective,
                "scale": self.scale, "name": self.name, "trainable": self.trainable}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The inverse of `get_config`."""
        embedder = keras.saving.deserialize_keras_object(config["embedder"], custom_objects=custom_objects)
        return cls(**config | {"embedder": embedder})
