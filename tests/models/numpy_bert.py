"""BERT pre-training restated in NumPy, one formula a line: what the Keras models are compared with.

Weights are a dict from Keras variable paths to arrays; in float64 everything is computed in float64. Only exact GELU.
"""

import math

import numpy as np

_erf = np.vectorize(math.erf, otypes=["float64"])


def weights_of(model) -> dict[str, np.ndarray]:
    """The float64 weights of a Keras model by path."""
    return {weight.path: np.asarray(weight, "float64") for weight in model.weights}


def encode(weights: dict, config, inputs: dict) -> dict:
    """What `BertEncoder` returns, with hidden states and attention weights."""
    ids, segments, mask = inputs["token_ids"], inputs["segment_ids"], inputs["padding_mask"]
    summed = (weights["token_embedding/embeddings"][ids]
              + weights["embeddings/position_embedding"][:ids.shape[1]]
              + weights["embeddings/segment_embedding"][segments])
    hidden_states = [_norm(summed, weights, "embeddings/norm", config.layer_norm_epsilon)]
    attention_weights = []
    for index in range(config.num_layers):
        hidden, probabilities = _block(hidden_states[-1], mask, weights, f"block_{index}", config)
        hidden_states.append(hidden)
        attention_weights.append(probabilities)
    outputs = {"sequence_output": hidden_states[-1], "hidden_states": hidden_states,
               "attention_weights": attention_weights}
    if "pooler/projection/kernel" in weights:
        outputs["pooled_output"] = np.tanh(_dense(hidden_states[-1][:, 0], weights, "pooler/projection"))
    return outputs


def pretrain_logits(weights: dict, config, inputs: dict) -> dict:
    """What `BertPretrainer` returns."""
    encoded = encode(weights, config, inputs)
    rows = np.arange(len(inputs["masked_positions"]))[:, None]
    masked = encoded["sequence_output"][rows, inputs["masked_positions"]]
    masked = _norm(_gelu(_dense(masked, weights, "masked_lm_head/projection")), weights, "masked_lm_head/norm",
                   config.head_layer_norm_epsilon)
    return {
        "masked_lm": masked @ weights["token_embedding/embeddings"].T + weights["masked_lm_head/bias"],
        "next_sentence": _dense(encoded["pooled_output"], weights, "next_sentence_head"),
    }


def pretrain_loss(weights: dict, config, inputs: dict, labels: dict, sample_weights: dict) -> float:
    """Mean cross-entropy over masked tokens plus mean over pairs, nats."""
    logits = pretrain_logits(weights, config, inputs)
    return sum((_cross_entropy(labels[name], logits[name]) * weight).sum() / weight.sum()
               for name, weight in sample_weights.items())


def _block(hidden, mask, weights, name, config):
    query, key, value = np.split(_dense(hidden, weights, f"{name}/attention/query_key_value"), 3, axis=-1)
    query, key, value = (np.stack(np.split(x, config.num_heads, axis=-1), axis=1) for x in (query, key, value))
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1])  # (batch, heads, seq, seq)
    shares = np.exp(scores - scores.max(-1, keepdims=True)) * mask[:, None, None, :]
    probabilities = shares / shares.sum(-1, keepdims=True)
    context = np.concatenate(list((probabilities @ value).swapaxes(0, 1)), axis=-1)
    attended = hidden + _dense(context, weights, f"{name}/attention/output")
    attended = _norm(attended, weights, f"{name}/attention_norm", config.layer_norm_epsilon)
    expanded = _gelu(_dense(attended, weights, f"{name}/feed_forward/expand"))
    contracted = attended + _dense(expanded, weights, f"{name}/feed_forward/contract")
    return _norm(contracted, weights, f"{name}/output_norm", config.layer_norm_epsilon), probabilities


def _dense(x, weights, name):
    return x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]


def _norm(x, weights, name, epsilon):
    centred = x - x.mean(-1, keepdims=True)
    normal = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
    return normal * weights[f"{name}/gamma"] + weights[f"{name}/beta"]


def _gelu(x):
    return x * 0.5 * (1 + _erf(x / math.sqrt(2)))


def _cross_entropy(labels, logits):
    highest = logits.max(-1, keepdims=True)
    logarithm = np.log(np.exp(logits - highest).sum(-1)) + highest[..., 0]
    return logarithm - np.take_along_axis(logits, labels[..., None], axis=-1)[..., 0]
