"""Names, dtypes and shapes of the feature dicts that go from step to step.

| name               | dtype   | shape           | meaning                                                    |
|--------------------|---------|-----------------|------------------------------------------------------------|
| token_ids          | int32   | (batch, seq)    | ids of the vocabulary; 0 = [PAD] in the published ones       |
| segment_ids        | int32   | (batch, seq)    | 0 = [CLS] first [SEP], 1 = second [SEP], 0 on padding        |
| padding_mask       | int32   | (batch, seq)    | 1 = real token, 0 = padding                                 |
| masked_positions   | int32   | (batch, masked) | positions to predict, ascending; 0 in unused slots           |
| masked_labels      | int32   | (batch, masked) | the original ids there; 0 in unused slots                   |
| masked_weights     | float32 | (batch, masked) | 1 = used slot, 0 = unused slot                              |
| next_sentence_label| int32   | (batch,)        | 0 = second follows first, 1 = it comes from elsewhere        |
"""

ENCODER_INPUTS = ("token_ids", "segment_ids", "padding_mask")
PRETRAINING_INPUTS = (*ENCODER_INPUTS, "masked_positions")


def split_pretraining(features: dict) -> tuple[dict, dict, dict]:
    """Splits a batch into `(inputs, labels, weights)`, keyed like the model's inputs and outputs.

    Args:
        features: a batch with the names of this module's table; `next_sentence_label` may be absent (masked LM only).

    Returns:
        What `BertPretrainer.fit` takes: labels and weights have the keys `masked_lm` and, where there is a
        `next_sentence_label`, `next_sentence`, whose weights are 1.
    """
    inputs = {name: features[name] for name in PRETRAINING_INPUTS}
    labels = {"masked_lm": features["masked_labels"]}
    weights = {"masked_lm": features["masked_weights"]}
    if "next_sentence_label" in features:
        labels["next_sentence"] = features["next_sentence_label"]
        # One weight a row; taken from the data so that the shape is known wherever the label's is.
        weights["next_sentence"] = features["masked_weights"][:, 0] * 0 + 1
    return inputs, labels, weights
