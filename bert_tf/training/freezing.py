"""Training a part of a model: frozen layers, and learning rates that fall from the output down."""

import keras

from bert_tf.config import require


def freeze(model: keras.Model, what: str) -> None:
    """Makes a part of a task model's encoder untrainable; call it before `compile`.

    Args:
        model: any task model; its output layers, and the pooler under them, if it has any, always stay trainable.
        what: "encoder": all of it; "embeddings": what enters the first block; a number: the embeddings and so many
            blocks from below.

    Raises:
        ValueError: the number is larger than the model, `what` is something else, or nothing is left to train.
    """
    encoder = model.encoder
    count = len(encoder.blocks)
    if what not in ("encoder", "embeddings"):
        require(str(what).isdecimal() and 1 <= int(what) <= count,
                f"`freeze` to be encoder, embeddings or a number of layers in [1, {count}]", freeze=what)
        count = int(what)
    elif what == "embeddings":
        count = 0
    for layer in (encoder.token_embedding, encoder.embeddings, *encoder.blocks[:count]):
        layer.trainable = False
    require(len(model.trainable_weights) > 0, "`freeze` to leave something to train", freeze=what)


def learning_rate_factors(model: keras.Model, decay: float) -> dict[str, float]:
    """Layer-wise learning rates (Howard and Ruder 2018, section 3.2), for `AdamW(learning_rate_factors=...)`.

    Args:
        model: a task model.
        decay: factor from a layer to the one below it. The output layers and the pooler have the whole rate, the
            topmost block `decay` of it, and so on down to the embeddings.

    Returns:
        The beginnings of variables' paths -> the factor on their learning rate.

    >>> learning_rate_factors(model_of_two_layers, 0.9)
    {"token_embedding/": 0.729, "embeddings/": 0.729, "block_0/": 0.81, "block_1/": 0.9}
    """
    require(0 < decay <= 1, "`decay` in (0, 1]", decay=decay)
    blocks = model.encoder.blocks
    factors = dict.fromkeys(("token_embedding/", "embeddings/"), decay ** (len(blocks) + 1))
    return factors | {f"{block.name}/": decay ** (len(blocks) - index) for index, block in enumerate(blocks)}
