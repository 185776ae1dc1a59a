from bert_tf.workflows.loading_benchmark import measure_loading


def test_measures_a_load():
    result = measure_loading("tiny", repetitions=1)

    assert result["weights_bytes"] == 17_733_872
    assert 0 < result["seconds"] < 60
    assert result["peak_over_weights"] > 0
