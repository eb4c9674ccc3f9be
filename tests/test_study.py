"""What a params.yaml may say, and the one line that answers everything else."""

import importlib
import shutil
from pathlib import Path

import pytest

from replications import study
from replications.judging.judge import claims_of
from replications.study import StudyError
from tests import tiny

STUDIES = [name for name in (".", "real", "paper") if (tiny.ROOT / name / "params.yaml").exists()]


def error_of(folder: Path) -> str:
    """The message that loading this study gives: one line that names its file."""
    with pytest.raises(StudyError) as caught:
        study.load(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(folder / "params.yaml"))
    return message


def changed(**section) -> dict:
    """A tiny params.yaml with other keys in its pix2pix section."""
    return tiny.params(pix2pix={**tiny.PIX2PIX, **section})


CLASSIFIER = {
    "heads": ["digit"],
    "n_train": 8,
    "epochs": 1,
    "batch_size": 4,
    "learning_rate": 1e-3,
    "channels": 4,
    "seed": 0,
}


def with_classifier(**reader) -> dict:
    """A tiny params.yaml with a reader of labels."""
    return tiny.params(readers={**tiny.HEAD["readers"], "classification": {"digits-32": {**CLASSIFIER, **reader}}})


# --- what is there -------------------------------------------------------------------------------------------------


def test_a_study_declares_every_variant_with_every_seed(tiny_study):
    declared = tiny_study.runs("pix2pix")
    assert [run.name for run in declared] == [
        "pix2pix/l1/1",
        "pix2pix/l1_cgan/1",
        "pix2pix/l1/2",
        "pix2pix/l1_cgan/2",
    ], "seed by seed, so that an interrupted study holds whole pairs"
    assert declared[0].params.discriminator == "none"
    assert declared[1].params.discriminator == "conditional"
    assert declared[0].params.epochs == declared[1].params.epochs == 1


def test_a_replication_may_have_seeds_of_its_own(tmp_path):
    """Fresh ones, once a claim was changed after its runs; nets that judge are the study's, each in its turn."""
    content = tiny.params(pix2pix={**tiny.PIX2PIX, "seeds": [6, 7, 8]}, vq_vae=tiny.VQ_VAE)
    declared = study.load(tiny.write_params(tmp_path, content))
    assert [run.seed for run in declared.runs("pix2pix")] == [6, 6, 7, 7, 8, 8]
    assert [run.seed for run in declared.runs("vq_vae")] == [1, 1, 2, 2]
    assert declared.seeds_of("pix2pix") == (6, 7, 8)
    assert declared.all_seeds == (1, 2, 6, 7, 8)
    assert [declared.nets_of("pix2pix", seed).name for seed in (6, 7, 8)] == ["1", "2", "1"]
    assert declared.nets_of("vq_vae", 2) == declared.nets(2)
    assert declared.net_seed("pix2pix", 7) == 2
    other = declared.with_seeds((11, 12), tmp_path / "other")
    assert {run.seed for room in ("pix2pix", "vq_vae") for run in other.runs(room)} == {11, 12}


def test_a_study_declares_the_readers_that_its_rooms_need_and_no_others(tmp_path):
    both = study.load(tiny.write_params(tmp_path / "both", with_classifier())).readers
    assert both.segmentation.dataset == "facade_world-tiny"
    assert both.classification["digits-32"].heads == ["digit"]
    maps = study.load(tiny.write_params(tmp_path / "maps", tiny.params())).readers
    assert maps.classification == {}
    labels = study.load(
        tiny.write_params(tmp_path / "labels", tiny.params(readers={"classification": {"digits-32": CLASSIFIER}}))
    ).readers
    assert labels.segmentation is None
    assert list(labels.classification) == ["digits-32"]


@pytest.mark.parametrize("key", list(CLASSIFIER))
def test_a_missing_hyper_parameter_of_a_reader_is_named(tmp_path, key):
    content = with_classifier()
    del content["readers"]["classification"]["digits-32"][key]
    message = error_of(tiny.write_params(tmp_path, content))
    assert f"'readers.classification.digits-32.{key}' is missing" in message


@pytest.mark.parametrize("room", tiny.ROOMS)
def test_a_study_need_not_declare_every_replication(tmp_path, room):
    declared = study.load(tiny.write_params(tmp_path, tiny.params(room)))
    assert list(declared.variants) == [room]
    assert len(declared.runs(room)) == 4


def test_replications_come_in_the_order_in_which_a_study_declares_them(tmp_path):
    sections = {room: tiny.ROOMS[room] for room in reversed(tiny.ROOMS)}
    declared = study.load(tiny.write_params(tmp_path, {**tiny.HEAD, **sections}))
    assert list(declared.variants) == list(reversed(tiny.ROOMS))


@pytest.mark.parametrize("spelling", ["real", "real/", "./real", "paper/../real", str(tiny.ROOT / "real")])
def test_a_study_below_the_folder_that_one_is_in_is_the_same_by_any_spelling(monkeypatch, spelling):
    monkeypatch.chdir(tiny.ROOT)
    assert study.load(spelling) == study.load("real")
    assert study.load(spelling).folder == Path("real")
    assert study.load(tiny.ROOT).folder == Path()


def test_the_bundled_study_is_called_root():
    assert study.load(tiny.ROOT / "real").name == "real"


def test_the_bundled_study_is_called_root_from_its_own_folder(monkeypatch):
    monkeypatch.chdir(tiny.ROOT)
    assert study.load(".").name == "root"


@pytest.mark.parametrize("name", STUDIES)
def test_committed_studies_load_and_declare_whole_runs(name):
    declared = study.load(tiny.ROOT / name)
    for replication, variants in declared.variants.items():
        declared_runs = declared.runs(replication)
        assert len({run.name for run in declared_runs}) == len(variants) * len(declared.seeds_of(replication))
        for run in declared_runs:
            assert run.params == type(run.params)(**run.params.model_dump())


@pytest.mark.parametrize("name", STUDIES)
def test_committed_studies_report_on_five_seeds_that_nothing_was_tuned_on(name):
    declared = study.load(tiny.ROOT / name)
    assert all(len(declared.seeds_of(replication)) >= 5 for replication in declared.variants)
    assert declared.tuning_seeds
    assert not set(declared.all_seeds) & set(declared.tuning_seeds)


@pytest.mark.parametrize("name", STUDIES)
def test_claims_name_only_declared_variants(name, monkeypatch):
    monkeypatch.chdir(tiny.ROOT)
    declared = study.load(name)
    claims = claims_of(declared)
    assert claims
    for claim in claims:
        room, checks = claim.replication, claim.checks_of(declared.name)
        controls = {row["control"] for row in tiny.read_rows(declared.folder / "results" / room / "controls.csv")}
        reads = {variant for variant, _ in claim.needs.union(*(check.needs for check in checks))}
        unknown = reads - set(declared.variants_of(room)) - controls
        assert not unknown, f"{claim.id} reads {sorted(unknown)}, which {name}/params.yaml does not declare"


@pytest.mark.parametrize("room", study.REPLICATIONS)
def test_claims_name_only_studies_that_can_be(room):
    for claim in importlib.import_module(f"replications.{room}.claims").CLAIMS:
        assert claim.studies
        assert set(claim.studies) <= {"root", "real", "paper"}, claim.id


@pytest.mark.parametrize("room", study.REPLICATIONS)
def test_tables_metrics_and_curves_name_only_variants_that_a_study_declares(room):
    """One that none declares would silently be left out: a misspelt name."""
    studies = [study.load(tiny.ROOT / name).variants.get(room, {}) for name in STUDIES]
    known = {variant for variants in studies for variant in variants}
    claims, measures = (importlib.import_module(f"replications.{room}.{name}") for name in ("claims", "measures"))
    for table in claims.TABLES:
        assert set(table.rows) <= known | {"photos"}, table.title
        assert all(len(numbers) == len(table.instruments) for numbers in table.rows.values()), table.title
    assert measures.METRICS
    assert {variant for variant, _ in measures.METRICS.values()} <= known
    assert measures.CURVES
    assert len({curve.title for curve in measures.CURVES}) == len(measures.CURVES)
    for curve in measures.CURVES:
        assert {variant for variants in curve.series.values() for variant in variants} <= known, curve.title


# --- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(tiny.params(seeds=[]), ["seeds = []", "at least 1 item"], id="no-seeds"),
        pytest.param(tiny.params(seeds=[1, 2, 2]), ["seed 2 is declared twice", "name it once"], id="double-seed"),
        pytest.param(tiny.params(seeds=[1, -2]), ["seed -2 is negative", "whole numbers from 0"], id="negative-seed"),
        pytest.param(
            tiny.params(seeds=[1, 101]),
            ["seed 101 is a tuning seed", "report on seeds that nothing was tuned on"],
            id="tuned-seed",
        ),
        pytest.param(tiny.params(seeds=["1"]), ["seeds.0 = '1'", "integer"], id="seed-is-text"),
        pytest.param(tiny.params(seeds=[True]), ["seeds.0 = True", "integer"], id="seed-is-bool"),
        pytest.param(tiny.params(seeds=3), ["seeds = 3", "list"], id="seeds-is-a-number"),
        pytest.param(tiny.params(seeds=None), ["seeds = None", "list"], id="seeds-is-null"),
        pytest.param(changed(seeds=[]), ["pix2pix", "seeds = []", "at least 1 item"], id="no-own-seeds"),
        pytest.param(changed(seeds=[6, 6]), ["pix2pix", "seed 6 is declared twice"], id="double-own-seed"),
        pytest.param(changed(seeds=[6, 101]), ["pix2pix.seeds", "seed 101 is a tuning seed"], id="tuned-own-seed"),
        pytest.param(changed(seeds="6"), ["pix2pix", "seeds = '6'", "list"], id="own-seeds-are-text"),
        pytest.param(changed(seeds=None), ["pix2pix", "seeds = None", "list"], id="own-seeds-are-null"),
        pytest.param(tiny.params(sedes=[1]), ["unknown key 'sedes'", "did you mean 'seeds'?"], id="misspelt-head"),
        pytest.param(
            tiny.params(pix2pixx={}), ["unknown key 'pix2pixx'", "did you mean 'pix2pix'?"], id="misspelt-section"
        ),
        pytest.param(changed(epochs=-1), ["epochs = -1", "greater than 0"], id="negative-epochs"),
        pytest.param(changed(epochs=0), ["epochs = 0", "greater than 0"], id="no-epochs"),
        pytest.param(changed(epochs="3"), ["epochs = '3'", "integer"], id="epochs-is-text"),
        pytest.param(changed(epochs=True), ["epochs = True", "integer"], id="epochs-is-bool"),
        pytest.param(changed(epochs=1.5), ["epochs = 1.5", "integer"], id="epochs-is-a-fraction"),
        pytest.param(changed(lambda_l1="yes"), ["lambda_l1 = 'yes'", "number"], id="lambda-is-text"),
        pytest.param(changed(lambda_l1=True), ["lambda_l1 = True", "number"], id="lambda-is-bool"),
        pytest.param(changed(learning_rate=float("nan")), ["learning_rate = nan"], id="learning-rate-is-nan"),
        pytest.param(changed(learning_rate=float("inf")), ["learning_rate = inf"], id="learning-rate-is-infinite"),
        pytest.param(changed(skips=1), ["skips = 1", "boolean"], id="skips-is-a-number"),
        pytest.param(changed(ecpohs=3), ["unknown key 'ecpohs'", "did you mean 'epochs'?"], id="misspelt-key"),
        pytest.param(changed(colour=3), ["unknown key 'colour'", "known are", "epochs"], id="unknown-key"),
        pytest.param(changed(receptive_field=8), ["receptive_field = 8", "1, 7, 16, 34 or 70"], id="receptive-field"),
        pytest.param(changed(direction="up"), ["direction = 'up'", "'labels_to_photo'"], id="direction"),
        pytest.param(changed(discriminator=None), ["discriminator = None", "'none'"], id="null-discriminator"),
        pytest.param(changed(variants={}), ["expected a section with its variants"], id="no-variants"),
        pytest.param(changed(variants=None), ["expected a section with its variants"], id="null-variants"),
        pytest.param(changed(variants=["l1"]), ["expected a section with its variants"], id="variants-is-a-list"),
        pytest.param(changed(variants={"l1": None}), ["variants.l1", "None", "expected keys"], id="null-variant"),
        pytest.param(changed(variants={"l1": {"epoch": 3}}), ["variants.l1", "'epochs'?"], id="misspelt-in-variant"),
        pytest.param(tiny.params(pix2pix=None), ["pix2pix: expected a section"], id="null-section"),
        pytest.param(["seeds"], ["holds list", "expected keys such as seeds"], id="a-list"),
        pytest.param(None, ["holds NoneType", "expected keys such as seeds"], id="empty"),
        pytest.param({1: 2}, ["must be strings"], id="a-number-as-key"),
        pytest.param(changed(variants={"../l1": {}}), ["variants", "'../l1'", "expected"], id="variant-is-a-path"),
        pytest.param(changed(variants={".l1": {}}), ["variants", "'.l1'", "expected"], id="hidden-variant"),
        pytest.param(changed(variants={1: {}}), ["variants", "1", "expected"], id="variant-is-a-number"),
        pytest.param(
            tiny.params(readers={"segmentation": {**tiny.HEAD["readers"]["segmentation"], "chanels": 1}}),
            ["unknown key 'readers.segmentation.chanels'", "did you mean 'channels'?"],
            id="misspelt-reader",
        ),
        pytest.param(
            with_classifier(chanels=1),
            ["unknown key 'readers.classification.digits-32.chanels'", "did you mean 'channels'?"],
            id="misspelt-in-reader-of-labels",
        ),
        pytest.param(
            tiny.params(readers={"clasification": {}}),
            ["unknown key 'readers.clasification'", "did you mean 'classification'?"],
            id="misspelt-kind-of-reader",
        ),
        pytest.param(with_classifier(heads=[]), ["digits-32.heads = []", "at least 1 item"], id="no-heads"),
        pytest.param(with_classifier(heads=["a", "a"]), ["head 'a' is declared twice"], id="double-head"),
        pytest.param(with_classifier(heads="a"), ["digits-32.heads = 'a'", "list"], id="heads-is-text"),
        pytest.param(with_classifier(heads=[1]), ["digits-32.heads.0 = 1", "string"], id="head-is-a-number"),
        pytest.param(with_classifier(n_train=0), ["digits-32.n_train = 0", "greater than 0"], id="no-photos-to-read"),
        pytest.param(with_classifier(seed="0"), ["digits-32.seed = '0'", "integer"], id="reader-seed-is-text"),
        pytest.param(
            tiny.params(readers={"classification": ["digits-32"]}),
            ["readers.classification = ['digits-32']", "dictionary"],
            id="readers-of-labels-is-a-list",
        ),
    ],
)
def test_bad_params_are_one_clear_line(tmp_path, content, said):
    message = error_of(tiny.write_params(tmp_path, content))
    for words in said:
        assert words in message, f"expected {words!r} in: {message}"


@pytest.mark.parametrize("key", ["seeds", "tuning_seeds", "readers"])
def test_a_missing_key_is_named(tmp_path, key):
    content = tiny.params()
    del content[key]
    assert f"{key!r} is missing" in error_of(tiny.write_params(tmp_path, content))


@pytest.mark.parametrize("key", ["epochs", "lambda_l1", "dataset"])
def test_a_missing_hyper_parameter_is_named_with_its_variant(tmp_path, key):
    content = tiny.params()
    del content["pix2pix"][key]
    message = error_of(tiny.write_params(tmp_path, content))
    assert f"pix2pix.variants.l1: {key!r} is missing" in message


def test_a_missing_section_is_named(tmp_path):
    content = tiny.params()
    del content["pix2pix"]
    declared = study.load(tiny.write_params(tmp_path, content))
    with pytest.raises(StudyError, match=r"params\.yaml: no section for replication 'pix2pix'"):
        declared.runs("pix2pix")


def test_a_missing_section_without_variants_is_named(tmp_path):
    content = tiny.params()
    del content["pix2pix"]["variants"]
    assert "pix2pix: expected a section with its variants" in error_of(tiny.write_params(tmp_path, content))


def test_an_unknown_replication_is_named(tiny_study):
    with pytest.raises(StudyError, match=r"no section for replication 'cyclegan'; declared are \['pix2pix'\]"):
        tiny_study.runs("cyclegan")


def test_a_missing_file_is_named(tmp_path):
    assert "no such file; a study is a folder with a params.yaml" in error_of(tmp_path / "nowhere")


def test_a_study_that_is_a_file_is_named(tmp_path):
    (tmp_path / "study").write_text("seeds: [1]")
    error_of(tmp_path / "study")


def test_a_params_file_that_is_a_folder_is_named(tmp_path):
    (tmp_path / "params.yaml").mkdir()
    error_of(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seeds: [1, 2\npix2pix: {", "not readable as YAML"),
        ("seeds: [1]\nseeds: [2]\n", "duplicate key"),
        ("seeds: [1]\npix2pix:\n  epochs: 1\n  epochs: 2\n", "duplicate key"),
        ("seeds: !!python/object/apply:os.getcwd []\n", "not readable as YAML"),
        ("\x00", "not readable as YAML"),
    ],
    ids=["broken", "duplicate-key", "duplicate-hyper-parameter", "python-object", "control-character"],
)
def test_unreadable_yaml_is_one_line(tmp_path, text, said):
    (tmp_path / "params.yaml").write_text(text)
    assert said in error_of(tmp_path)


def test_bytes_that_are_no_text_are_one_line(tmp_path):
    (tmp_path / "params.yaml").write_bytes(b"seeds: [1] # \xff\xfe\xff")
    error_of(tmp_path)


@pytest.mark.parametrize("module", ["train", "judge"])
def test_every_command_ends_with_that_line(tmp_path, module):
    tiny.write_params(tmp_path, changed(ecpohs=3))
    replication = ["pix2pix"] if module in ("train", "measure") else []
    done = tiny.here(module, *replication, "--study", tmp_path)
    tiny.assert_one_line_error(done, "params.yaml: pix2pix.variants.l1", "unknown key 'ecpohs'", "'epochs'")


@pytest.mark.parametrize("name", STUDIES)
def test_a_misspelt_key_in_a_committed_study_is_named(tmp_path, name):
    shutil.copy(tiny.ROOT / name / "params.yaml", tmp_path)
    path = tmp_path / "params.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("  lambda_l1:", "  lamda_l1:", 1), encoding="utf-8")
    assert "unknown key 'lamda_l1'; did you mean 'lambda_l1'?" in error_of(tmp_path)
