import pytest

from bert_tf.config import FinetuningConfig
from bert_tf.training.divergence import DivergedError
from bert_tf.workflows.finetune_runs import compare, finish_runs, parse_grid, planned_runs

CONFIG = FinetuningConfig(init="bert", train="train.tsv", seed=3, seeds=2, grid="learning_rate=2e-5, 3e-5;lora_rank=4")


def test_a_run_for_each_combination_and_seed():
    runs = planned_runs(CONFIG)
    assert [run.folder for run in runs] == [
        f"learning_rate={rate},lora_rank=4,seed={seed}" for rate in ("2e-05", "3e-05") for seed in (3, 4)]
    assert runs[3].config == FinetuningConfig(init="bert", train="train.tsv", learning_rate=3e-5, lora_rank=4, seed=4)
    assert [run.folder for run in planned_runs(FinetuningConfig(init="bert", train="train.tsv"))] == ["seed=0"]


def test_grids_have_the_types_of_the_fields():
    assert parse_grid("batch_size=16,32; freeze=encoder,2;dropout=0") == {
        "batch_size": [16, 32], "freeze": ["encoder", "2"], "dropout": [0.0]}


@pytest.mark.parametrize(("grid", "message"), [
    ("learn_rate=1", "`grid` to vary some of learning_rate"), ("batch_size=", "with values"),
    ("batch_size=1;batch_size=2", "each name in `grid` once"), ("batch_size=8,8", "different values of batch_size"),
    ("batch_size=big", "to be of type int. Received: 'big'"), ("dropout=2", r"`dropout` in \[0, 1\)"),
])
def test_refuses_grids(grid, message):
    with pytest.raises(ValueError, match=message):
        planned_runs(FinetuningConfig(init="bert", train="train.tsv", grid=grid))


def report(value):
    return {"main_metric": "f1", "metrics": {"f1": value}}


def test_mean_deviation_and_best():
    runs = planned_runs(CONFIG)
    outcomes = [report(0.5), report(0.7), report(float("nan")), None]
    reports = {run.folder: outcome for run, outcome in zip(runs, outcomes, strict=True)}
    comparison = compare(runs, reports)
    assert comparison["best"] == runs[1].folder and comparison["main_metric"] == "f1"
    first, second = comparison["settings"]
    assert first["mean"] == pytest.approx(0.6) and first["deviation"] == pytest.approx(0.02**0.5)
    assert first["best"] == 0.7 and first["learning_rate"] == 2e-5 and first["lora_rank"] == 4
    assert second["deviation"] is None and second["runs"][1] == {"folder": runs[3].folder, "seed": 4, "metrics": None}


def test_the_best_runs_files_go_to_the_top(tmp_path):
    runs = planned_runs(CONFIG)
    values = iter([0.5, None, 0.9, 0.1])

    def carry_out(run):
        value = next(values)
        if value is None:
            raise DivergedError("it did")
        folder = tmp_path / run.folder
        folder.mkdir()
        (folder / "config.json").write_text(run.folder)
        (folder / "run.json").write_text(str(value))
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(str(value))
        return report(value)

    result = finish_runs(CONFIG, runs, tmp_path, carry_out)
    assert result["metrics"] == {"f1": 0.9} and result["runs"]["best"] == runs[2].folder
    assert (tmp_path / "config.json").read_text() == runs[2].folder and (tmp_path / "run.json").read_text() == "0.9"
    assert (tmp_path / "1_Pooling" / "config.json").read_text() == "0.9"
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {
        "config.json", "run.json", "runs.json", "report.json"}


def test_all_failed(tmp_path):
    def fail(run):
        raise DivergedError("it did")

    with pytest.raises(DivergedError, match="at least one run that does not diverge. Received: 4"):
        finish_runs(CONFIG, planned_runs(CONFIG), tmp_path, fail)
