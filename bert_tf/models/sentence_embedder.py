"""BertSentenceEmbedder: one vector per text, for search and comparison."""

from collections.abc import Mapping
from typing import Any

import keras

from bert_tf.config import EncoderConfig, require
from bert_tf.features import ENCODER_INPUTS
from bert_tf.layers.sentence_pooling import SentencePooling
from bert_tf.models.encoder import BertEncoder
from bert_tf.models.feature_model import FeatureModel, config_and_policy, symbolic_inputs


@keras.saving.register_keras_serializable(package="bert_tf")
class BertSentenceEmbedder(FeatureModel):
    """Encoder and pooling over its tokens (Reimers and Gurevych 2019).

    Inputs as `BertEncoder`. Output: dict with `embedding`, float32 `(batch, hidden)`.

    Args:
        config: shape and numerics of the encoder.
        pooling: "mean" or "max" over the real tokens, or "cls": the first token's vector.
        normalize: scale every embedding to length 1, so that a dot product is the cosine.
        max_length: tokens, special ones included, that a text is cut to before it comes here; None for
            `config.max_sequence_length`.
        pooler: the encoder has BERT's tanh pooler. It plays no part in the embedding and is not trained, but
            Transformers expects its weights in the model folder.
        dtype: Keras dtype policy of all layers, such as "mixed_bfloat16"; by default the global policy.
    """

    def __init__(self, config: EncoderConfig | Mapping[str, Any], *, pooling: str = "mean", normalize: bool = False,
                 max_length: int | None = None, pooler: bool = True, dtype=None,
                 name: str = "sentence_embedder", **kwargs):
        config, dtype = config_and_policy(config, dtype)
        max_length = config.max_sequence_length if max_length is None else max_length
        require(isinstance(max_length, int) and 2 <= max_length <= config.max_sequence_length,
                "`max_length` between 2 and `max_sequence_length`", max_length=max_length,
                max_sequence_length=config.max_sequence_length)

        # Layers
        encoder = BertEncoder(config, pooler=pooler, dtype=dtype)
        sentence_pooling = SentencePooling(pooling, normalize=normalize, name="sentence_pooling")

        # Graph
        inputs = symbolic_inputs(ENCODER_INPUTS)
        encoded = encoder(inputs, output_positions=1 if pooling == "cls" else None)
        embedding = sentence_pooling(encoded["sequence_output"], inputs["padding_mask"])
        super().__init__(inputs=inputs, outputs={"embedding": embedding}, config=config, dtype=dtype, name=name,
                         **kwargs)

        # Config
        self.encoder = encoder
        self.pooling = pooling
        self.normalize = normalize
        self.max_length = max_length
        self.pooler = pooler
        if pooler:
            self.encoder.pooler.trainable = False  # it would get no gradient

    def get_config(self):
        """Constructor arguments."""
        return super().get_config() | {
            "pooling": self.pooling,
            "normalize": self.normalize,
            "max_length": self.max_length,
            "pooler": self.pooler,
        }
