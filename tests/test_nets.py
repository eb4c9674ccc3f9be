"""Networks come back as their runs left them, and what is not there is a line that says how to train it."""

import io
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from replications import nets, runs, study
from replications.errors import ReplicationError
from replications.nets import NetsError
from replications.study import StudyError
from replications.tools import bundle
from replications.training.fitting import weights_of
from tests import tiny


@pytest.fixture(params=tiny.quick_or_slow(study.REPLICATIONS))
def kept(request, trained) -> tuple[study.Study, study.Run]:
    """A tiny study, trained, with a run that kept its weights."""
    declared = study.load(trained(request.param))
    return declared, declared.runs(request.param)[0]


@pytest.mark.parametrize(
    ("of_params", "expected"),
    [
        ({"encoder": "gaussian"}, True),  # beta_vae, vae_vs_gan
        ({"encoder": "none"}, True),  # a GAN
        ({"encoder": "deterministic"}, False),
        ({}, True),  # spatial_z_vae: always a VAE
        ({"regime": "vae"}, True),  # causes
        ({"regime": "levels"}, False),
        ({"regime": "noise"}, False),
    ],
)
def test_nets_draw_samples_where_their_codes_were_drawn_to_a_prior(of_params, expected):
    """An autoencoder decodes any code, too, but its samples would say nothing."""
    params = SimpleNamespace(latent_size=4, **of_params)
    assert nets.draws(SimpleNamespace(p=params, decode=None)) == expected
    assert not nets.draws(SimpleNamespace(p=params)), "nothing decodes"


def load(declared: study.Study, run: study.Run):
    return nets.load(run.replication, run.variant, run.seed, declared.folder)


def test_the_nets_of_every_replication_come_back_with_the_weights_that_they_ended_with(kept):
    declared, run = kept
    with np.load(runs.folder(declared, run) / "weights.npz") as archive:
        weights = dict(archive)
    model = load(declared, run)
    again = weights_of({name: getattr(model, name) for name in dict.fromkeys(key.split("/")[0] for key in weights)})
    assert [*again] == [*weights]
    for name, values in weights.items():
        np.testing.assert_array_equal(again[name], values, err_msg=name)
    if nets.draws(model):
        first, same, other = (nets.samples(model, 5, seed) for seed in (1, 1, 2))
        assert first.shape == (5, 32, 32, 3)
        np.testing.assert_array_equal(first, same)
        assert (first != other).any()
        assert ((first >= 0) & (first <= 1)).all()


def test_a_sheet_shows_every_picture_once_row_by_row():
    pictures = np.linspace(0, 1, 11)[:, None, None, None] * np.ones((11, 4, 6, 3))
    shown = np.asarray(Image.open(io.BytesIO(nets.sheet(pictures, scale=2))))
    assert shown.shape == (2 * 4 * 2, nets.PER_ROW * 6 * 2, 3)
    assert shown[0, ::12, 0].tolist() == np.rint(255 * np.linspace(0, 1, 11)[:8]).tolist()
    assert shown[8, ::12, 0].tolist() == [204, 230, 255, 255, 255, 255, 255, 255]


@pytest.fixture
def one(tmp_path) -> tuple[study.Study, study.Run]:
    """A study whose only run is not there."""
    declared = study.load(tiny.write_study(tmp_path / "tiny", "beta_vae"))
    return declared, declared.runs("beta_vae")[0]


def test_what_is_not_there_is_one_line_with_the_way_to_it(one):
    declared, run = one
    with pytest.raises(NetsError, match=f"no such run on this machine; train it by .*--only {run.variant}"):
        load(declared, run)
    with pytest.raises(NetsError, match="beta_vae of the tiny study has no such variant; did you mean"):
        nets.load("beta_vae", f"{run.variant}x", run.seed, declared.folder)
    with pytest.raises(NetsError, match="seed 77: beta_vae of the tiny study has the seeds 1, 2"):
        nets.load("beta_vae", run.variant, 77, declared.folder)
    with pytest.raises(StudyError, match="no section for replication 'vq_vae'"):
        nets.load("vq_vae", "k2", 1, declared.folder)


def test_weights_that_were_not_kept_or_are_damaged(one):
    declared, run = one
    path = runs.folder(declared, run)
    runs.write(path, b"", {"facts": {}, "picture": [32, 32, 3]})
    with pytest.raises(NetsError, match="the run kept no weights; raise keep_weights in"):
        load(declared, run)
    runs.write(path, b"", {"facts": {}, "picture": [32, 32, 3]}, b"PK")
    (path / "weights.npz").write_bytes(b"PKK")
    with pytest.raises(NetsError, match=r"weights\.npz: damaged, its digest differs; delete"):
        load(declared, run)
    for damaged in ("", "[]", "{"):
        (path / "facts.json").write_text(damaged, encoding="utf-8")
        with pytest.raises(NetsError, match=r"facts\.json: damaged .*; delete"):
            load(declared, run)


def other_weights(path: Path, content: bytes | dict[str, np.ndarray], **facts) -> None:
    """A run whose digests agree with other weights."""
    known = {**runs.read_facts(path), **facts}
    written = {key: value for key, value in known.items() if not key.endswith(("_json_sha256", "weights_sha256"))}
    weights = content if isinstance(content, bytes) else tiny.npz(content)
    runs.write(path, (path / "images.npz").read_bytes(), written, weights)


def test_weights_of_another_net_are_one_line(trained, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(trained("pix2pix"), folder)
    declared = study.load(folder)
    run = declared.runs("pix2pix")[0]
    path = runs.folder(declared, run)
    weights = dict(np.load(path / "weights.npz"))
    first = next(iter(weights))
    for other, why in (
        ({**weights, first: np.zeros(3)}, rf"{first.partition('/')[0]} has weights of \[\(3,\), .*its net has"),
        ({**weights, "nosuch/0": np.zeros(3)}, "nosuch has weights of .*no such part"),
        ({**weights, "fit/0": np.zeros(3)}, "fit has weights of .*no such part"),
        ({**weights, "__class__/0": np.zeros(3)}, "__class__ has weights of .*no such part"),
        (b"<html>", "is no whole .npz file of arrays"),
    ):
        other_weights(path, other)
        with pytest.raises(ReplicationError, match=rf"weights\.npz:? .*{why}|weights\.npz {why}"):
            load(declared, run)
    other_weights(path, weights, picture=[32, "a", 3])
    with pytest.raises(NetsError, match=r"facts\.json: picture = \[32, 'a', 3\], expected height, width and channels"):
        load(declared, run)


def test_a_copy_in_the_repository_stands_in_for_a_run_that_is_not_here(kept, tmp_path, monkeypatch):
    declared, run = kept
    here = study.load(tiny.write_study(tmp_path / "tiny", run.replication))
    copy = nets.bundled(here, run)
    with monkeypatch.context() as patched:
        patched.setattr(nets, "bundled", lambda *_: copy)
        _, difference = bundle.bundle(declared, run)
    ours, theirs = (load(one, run) for one in (here, declared))
    assert difference < 0.1 / 255
    for name in ("encoder", "decoder", "generator"):
        if getattr(theirs, name, None):
            for a, b in zip(getattr(ours, name).get_weights(), getattr(theirs, name).get_weights(), strict=True):
                unused = (a == 0) & (b != 0) if a.ndim == 2 else np.zeros(a.shape, bool)
                assert not unused.all()
                np.testing.assert_allclose(a[~unused], b[~unused], rtol=1e-3, atol=1e-7)
    assert getattr(ours, "discriminator", None) is None, "better none than one that has not learned"
    content, digests = (copy / nets.SMALL).read_bytes(), json.loads((copy / nets.DIGESTS).read_text())
    back = r"; `git restore .*` brings it back, or run .*train"

    (copy / nets.DIGESTS).write_text(json.dumps({**digests, "weights.npz": 64 * "0"}))
    with pytest.raises(NetsError, match=rf"small\.npz: is of other weights .*{back}"):
        load(here, run)
    for damaged in ("", "{", "[]", "{}"):
        (copy / nets.DIGESTS).write_text(damaged)
        with pytest.raises(NetsError, match=rf"digests\.json: damaged .*{back}"):
            load(here, run)
    (copy / nets.DIGESTS).write_text(json.dumps(digests))
    for name in (nets.SMALL, nets.DIGESTS):
        was = (copy / name).read_bytes()
        (copy / name).unlink()
        with pytest.raises(NetsError, match=rf"{name}: no such file{back}"):
            load(here, run)
        (copy / name).write_bytes(was)

    with np.load(copy / nets.SMALL) as archive:
        weights = dict(archive)
    first = next(iter(weights))
    (copy / nets.SMALL).write_bytes(tiny.npz({**weights, first: 0 * weights[first]}))
    with pytest.raises(NetsError, match=rf"small\.npz: damaged, its digest is not .*{back}"):
        load(here, run)
    (copy / nets.SMALL).write_bytes(content)
    load(here, run)


def test_the_command_bundles_a_run_that_is_here_alone(kept, tmp_path, capsys, monkeypatch):
    declared, run = kept
    folder, copy = declared.folder, tmp_path / "copy"
    monkeypatch.setattr(nets, "bundled", lambda *_: copy)
    words = [f"{run.replication}/{run.variant}", "--study", str(folder)]
    assert bundle.main(words) == 0
    assert re.search(r"copy: \d+\.\d MB; its outputs differ by 0\.\d\d of 255", capsys.readouterr().out)
    here = tiny.write_study(tmp_path / "tiny", run.replication)
    with pytest.raises(NetsError, match=r"there is a copy of it, but no such run on this machine; train it by"):
        bundle.main([*words[:-1], str(here)])


def test_a_copy_leaves_out_what_the_code_does_not_use(trained):
    """`causes` builds its nets for more values than a code has."""
    declared = study.load(trained("causes"))
    run = next(run for run in declared.runs("causes") if run.params.used < run.params.latent_size)
    with np.load(runs.folder(declared, run) / "weights.npz") as archive:
        weights = dict(archive)
    copy = nets.small(run, [32, 32, 3], weights)
    name = next(name for name in weights if name.startswith("decoder/000"))
    rows = (copy[name] != 0).any(axis=1)
    assert (weights[name] != 0).any(axis=1).all()
    assert rows.sum() == run.params.used + run.params.noise_size
    assert not rows[run.params.used : run.params.latent_size].any()


def test_a_copy_that_shows_other_pictures_is_refused(trained, tmp_path, monkeypatch):
    declared = study.load(trained("beta_vae"))
    run = declared.runs("beta_vae")[0]
    monkeypatch.setattr(nets, "bundled", lambda *_: tmp_path / "copy")
    monkeypatch.setattr(nets, "small", lambda *words: {name: 0.5 * value for name, value in words[-1].items()})
    with pytest.raises(NetsError, match=r"differ by .* of 255, expected at most 1; no copy was written"):
        bundle.bundle(declared, run)
    assert not (tmp_path / "copy").exists()


def test_what_the_notebook_loads_is_in_the_repository():
    declared = study.load(tiny.ROOT)
    for variant in ("sigma_l2", "kl_l2", "codes_l2", "kl_adversary"):
        run = study.Run("causes", variant, declared.seeds_of("causes")[0], declared.variants_of("causes")[variant])
        assert (nets.bundled(declared, run) / nets.SMALL).exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gan"], "gan: expected the name of a run"),
        (["vae_vs_gan/gan/x"], "expected the name of a run"),
        (["vae_vs_gan/gan", "--n", "0"], "--n 0: expected 1 to 10,000"),
        (["vae_vs_gan/gan", "--seed", "-1"], "--seed -1: expected a whole number from 0"),
        (["vae_vs_gan/gan", "--out", "samples"], "--out samples: expected the name of a picture"),
    ],
)
def test_samples_that_cannot_be_drawn(words, message):
    with pytest.raises(NetsError, match=message):
        nets.main(words)
    assert not Path("samples.png").exists()
