"""How fast the suite trains on this machine, and where the time goes: `python -m replications bench`.

Writes bench.json and bench.md. Best on a machine that does nothing else: times are wall-clock. Of each replication
one variant is trained as the study trains it, in a process of its own on one thread. Beside pix2pix and VQ-VAE, and in
turns with them, the same step is timed in plain PyTorch (bench_torch.py), if that is installed.

A replication's measures.py names that variant (`TIMED`) and counts (`PASSES`), for each net, its passes for each
training image, and of how many the first layer is spared, since nobody asks for gradients of pictures. A pass forward,
one for the gradients of weights and one for those of inputs make 3; for a discriminator, the real and the fake (3
each), and the fake again with still weights (2). Beside a VAE the decoder also decodes the prior, and its discriminator
sees both.
"""

import datetime
import importlib
import importlib.util
import io
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from jinja2 import Environment, StrictUndefined

from replications import command, runs, study
from replications.datasets import arrays
from replications.environment import ONE_THREAD, quiet, settle
from replications.errors import ReplicationError
from replications.judging import judge
from replications.measuring import measure
from replications.results import environment_words, write_text
from replications.runs import read_arrays
from replications.training.train import seconds_of
from replications.trust import chain

REFERENCES = ("pix2pix", "vq_vae")
"""What bench_torch.py has, too."""
WAYS = {
    "TensorFlow": ("tensorflow", "no"),
    "TensorFlow, compiled": ("tensorflow", "yes"),
    "JAX, compiled": ("jax", "yes"),
    "PyTorch": ("torch", "no"),
}
"""How a step may be computed: backend, and whether by XLA."""
PROGRESS = "progress,"
"""Begins a line between those of oneDNN: images seen, images in all, seconds of the clock."""
STEPS = 100
"""Of a short training, after those that are not counted."""


class BenchError(ReplicationError):
    """A process of the benchmark that failed."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications bench", description=__doc__)
    parser.add_argument("--out", default="validation", help="where to write to (default: validation)")
    parser.add_argument("--repetitions", type=int, default=3, help="of the comparisons, in turns (default: 3)")
    parser.add_argument(
        "--only", choices=study.REPLICATIONS, action="append", help="this replication alone; may be repeated"
    )
    parser.add_argument(
        "--run", choices=study.REPLICATIONS, help="one training in this process; prints JSON (used by itself)"
    )
    parser.add_argument("--short", action="store_true", help=f"of --run: {STEPS} steps, nothing but the speed")
    parser.add_argument(
        "--compiled", choices=("yes", "no"), help="of --run: by XLA or not, whatever the suite would do"
    )
    parser.add_argument("--widest", action="store_true", help="of --run: the widest instructions of the processor")
    arguments = parser.parse_args(argv)
    if arguments.repetitions < 1:
        raise BenchError(f"--repetitions {arguments.repetitions}: expected at least 1; leave it out for 3")
    declared = study.load(".")
    if arguments.run:
        compiled = None if arguments.compiled is None else arguments.compiled == "yes"
        found = one_run(declared, arguments.run, short=arguments.short, compiled=compiled, widest=arguments.widest)
        print(json.dumps(found))
        return 0
    rooms = arguments.only or list(declared.variants)
    found = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": environment_words(chain.environment_now()),
        "cores": os.cpu_count(),
        "repetitions": arguments.repetitions,
        "replications": {room: shown(f"{room}: one run", whole_run(declared, room)) for room in rooms},
        "steps": {room: shown(f"{room}: a step", step_shares(room)) for room in rooms},
        "instructions": {
            room: shown(f"{room}: instructions", instructions(room, arguments.repetitions)) for room in rooms
        },
        "workers": {
            room: shown(f"{room}: at once", efficiency(room, arguments.repetitions))
            for room in rooms
            if room in REFERENCES
        },
        "torch": {
            room: shown(f"{room}: beside PyTorch", against_torch(room, arguments.repetitions))
            for room in rooms
            if room in REFERENCES and importlib.util.find_spec("torch")
        },
        "backends": {
            room: shown(f"{room}: backends", backends(room, arguments.repetitions))
            for room in rooms
            if room in REFERENCES
        },
    }
    out = Path(arguments.out)
    write_text(out / "bench.json", json.dumps(found, indent=1) + "\n")
    write_text(out / "bench.md", as_markdown(found))
    print(f"bench: {out / 'bench.md'}")
    return 0


def as_markdown(found: dict) -> str:
    """bench.md, of what bench.json holds."""
    return _PAGE.render(**found, n_steps=STEPS)


def shown(what: str, found: dict) -> dict:
    """Shows what was found as soon as it is."""
    print(f"{what}: " + ", ".join(f"{key} {value}" for key, value in found.items()), flush=True)
    return found


# --- one run, in this process --------------------------------------------------------------------------------------


def one_run(
    declared: study.Study, room: str, *, short: bool, compiled: bool | None = None, widest: bool = False
) -> dict:
    """Trains the room's variant with the first tuning seed, if there is one, and tells where the time went.

    Args:
        declared: the bundled study.
        room: a replication of the study.
        short: `STEPS` steps and those before them, and nothing but the speed.
        compiled: by XLA or not; None: as the suite would.
        widest: oneDNN may use the widest instructions of the processor, not AVX2 alone.

    Returns:
        images_per_second: once steps are compiled. short: no more.
        seconds: of imports, of start (data, nets, tracing), of training, of what follows it (outputs, facts), and of
            measuring. gflops: of the arithmetic of convolutions and dense layers; gflops_matmul: what one product of
            matrices reaches here on one thread. peak_gb: of memory, while training.
    """
    settle()
    began = time.perf_counter()
    with quiet():
        import keras

        from replications.training import fitting
        from replications.training import process as training
    if widest:
        os.environ["ONEDNN_MAX_CPU_ISA"] = "ALL"  # `quiet` sets the suite's; oneDNN looks when it first computes
    if compiled is not None:
        fitting.jit_compile = lambda: compiled
    imported = time.perf_counter()
    of_room = importlib.import_module(f"replications.{room}.measures")
    seed = (declared.tuning_seeds or declared.seeds)[0]
    run = study.Run(room, of_room.TIMED, seed, declared.variants_of(room)[of_room.TIMED])
    params = run.params.declared()
    if short:
        params |= {
            "epochs": 1,
            "snapshots": [1.0],
            "n_train": min(params["n_train"], (STEPS + 40) * params["batch_size"]),
        }
    data = read_arrays(declared, [run])[params["dataset"]]
    models, moments = _captured(room), []

    def progress(*seen: int) -> None:
        moments.append((*seen, time.perf_counter()))
        if os.environ.get("ONEDNN_VERBOSE"):
            print(PROGRESS, *moments[-1], flush=True)

    images, facts, _ = training.train(room, params, run.seed, data, progress)
    ended, peak = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (first, _, t_first), (last, _, t_last) = moments[0], moments[-1]
    rate = (last - first) / (t_last - t_first)
    if short:
        return {"images_per_second": round(rate, 1)}
    finished = runs.Finished(run, arrays.load(io.BytesIO(images)), {**facts, **runs.identity(run, "", "")})
    finished.facts.update(images_sha256="", environment=facts["environment"])
    measuring = time.perf_counter()
    measure.scores_of_run(declared, finished)
    measured = time.perf_counter() - measuring
    seconds = {
        "imports": imported - began,
        "start": t_first - first / rate - imported,
        "training": last / rate,
        "after": ended - t_last,
        "measuring": measured,
    }
    nets = {net: macs(getattr(models[0], net)) for net in of_room.PASSES}
    flops = 2 * sum(n * sum(nets[net]) - spared * nets[net][0] for net, (n, spared) in of_room.PASSES.items())
    return {
        "images_per_second": round(rate, 1),
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "gflops": round(flops * rate / 1e9, 1),
        "gflops_matmul": round(matmul_gflops(keras.ops), 1),
        "peak_gb": round(peak / 2**20, 2),
    }


def _captured(room: str) -> list:
    """The models that the room will fit, once it has."""
    module, models = importlib.import_module(f"replications.{room}.train"), []
    fit = module.fit

    def keeping(model, *arguments):
        models.append(model)
        return fit(model, *arguments)

    module.fit = keeping  # pyright: ignore[reportAttributeAccessIssue]  # in the room's place of it
    return models


def macs(net) -> list[int]:
    """Multiplications with an addition, of one image in one pass through each convolution and dense layer of a net."""
    found = []
    for layer in net._flatten_layers(include_self=False):
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:  # a transposed convolution multiplies at each of its inputs, the others at each output
            where = layer.input if type(layer).__name__ == "Conv2DTranspose" else layer.output
            found.append(int(np.prod(kernel.shape)) * int(np.prod(where.shape[1:-1])))
    return found


def matmul_gflops(ops, n: int = 1024, repetitions: int = 20) -> float:
    """The median rate of a product of two n × n matrices in float32."""
    a = ops.convert_to_tensor(np.random.default_rng(0).standard_normal((n, n)).astype(np.float32))
    times = []
    for _ in range(repetitions):
        began = time.perf_counter()
        ops.convert_to_numpy(ops.matmul(a, a))
        times.append(time.perf_counter() - began)
    return 2 * n**3 / statistics.median(times) / 1e9


# --- processes -----------------------------------------------------------------------------------------------------


def whole_run(declared: study.Study, room: str) -> dict:
    """A whole run, and the seconds of one core for each verdict, were every run of the replication as fast."""
    one = _results([_start("replications", "bench", "--run", room)])[0]
    n_claims = sum(claim.replication == room for claim in judge.claims_of(declared))
    of_room = declared.runs(room)
    seconds = seconds_of(of_room, one) + one["seconds"]["measuring"] * len(of_room)
    return {**one, "seconds_per_verdict": round(seconds / n_claims, 1)}


def speed(room: str, *options: str) -> float:
    """Images per second of a short run."""
    return _results([_start("replications", "bench", "--run", room, "--short", *options)])[0]["images_per_second"]


def step_shares(room: str) -> dict[str, float]:
    """The share of a training step that passes in oneDNN's convolutions, its other kernels, and all else.

    oneDNN prints each of its calls; what it prints costs a little and counts as the rest.
    """
    arguments = ("replications", "bench", "--run", room, "--short")
    return read_verbose(_output(_start(*arguments, ONEDNN_VERBOSE="1")))


def read_verbose(printed: str) -> dict[str, float]:
    """See `step_shares`; of what oneDNN printed between the first and the last line of progress."""
    _, *parts = re.split(rf"^{PROGRESS} .* (\S+)$", printed, flags=re.MULTILINE)  # clock, lines, clock, lines, …
    seconds = {"convolutions": 0.0, "other": 0.0}
    for line in "".join(parts[1:-1:2]).splitlines():
        fields = line.split(",")
        if fields[0] == "onednn_verbose" and "exec" in fields:
            convolution = fields[fields.index("exec") + 2] == "convolution"
            seconds["convolutions" if convolution else "other"] += float(fields[-1]) / 1000
    in_all = float(parts[-2]) - float(parts[0])
    seconds["rest"] = in_all - sum(seconds.values())
    return {kind: round(value / in_all, 3) for kind, value in seconds.items()}


def instructions(room: str, repetitions: int) -> dict[str, float]:
    """Images per second of one run with the suite's instructions and with the processor's widest, in turns."""
    found = {"AVX2": [], "widest": []}
    for _ in range(repetitions):
        found["AVX2"].append(speed(room))
        found["widest"].append(speed(room, "--widest"))
    return {name: round(statistics.median(values), 1) for name, values in found.items()}


def backends(room: str, repetitions: int) -> dict[str, float]:
    """Images per second of one run, on one thread, by each backend that is installed, compiled or not, in turns."""
    ways = {name: way for name, way in WAYS.items() if importlib.util.find_spec(way[0])}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repetitions):
        for name, (backend, compiled) in ways.items():
            arguments = ("replications", "bench", "--run", room, "--short", "--compiled", compiled)
            found[name].append(_results([_start(*arguments, KERAS_BACKEND=backend)])[0]["images_per_second"])
    return {name: round(statistics.median(values), 1) for name, values in found.items()}


def efficiency(room: str, repetitions: int) -> dict:
    """Images per second of one run, and of as many at once as there are cores, in turns."""
    n, alone, together = os.cpu_count() or 1, [], []
    for _ in range(repetitions):
        alone.append(speed(room))
        at_once = _results([_start("replications", "bench", "--run", room, "--short") for _ in range(n)])
        together.append(sum(one["images_per_second"] for one in at_once))
    shares = [many / (n * one) for one, many in zip(alone, together, strict=True)]
    return {
        "one": statistics.median(alone),
        "all": round(statistics.median(together), 1),
        "efficiency": round(statistics.median(shares), 3),
    }


def against_torch(room: str, repetitions: int) -> dict:
    """Images per second of the machine: per core a run of ours, or of PyTorch with one thread; PyTorch with all.

    PyTorch takes the processor's widest instructions; ours is timed with them, too.
    """
    n = os.cpu_count() or 1
    found = {"ours": [], "ours_widest": [], "torch_one_thread": [], "torch_all_threads": []}
    for _ in range(repetitions):
        for name, options in (("ours", []), ("ours_widest", ["--widest"])):
            at_once = _results([_start("replications", "bench", "--run", room, "--short", *options) for _ in range(n)])
            found[name].append(sum(one["images_per_second"] for one in at_once))
        for name, processes, threads in (("torch_one_thread", n, 1), ("torch_all_threads", 1, n)):
            command_ = ("replications.tools.bench_torch", room, "--threads", str(threads))
            references = _results([_start(*command_) for _ in range(processes)])
            found[name].append(sum(one["images_per_second"] for one in references))
    best = [max(one) for one in zip(found["torch_one_thread"], found["torch_all_threads"], strict=True)]
    ratios = {
        ratio: [a / b for a, b in zip(found[name], best, strict=True)]
        for ratio, name in (("ratio", "ours"), ("ratio_widest", "ours_widest"))
    }
    return {
        **{name: round(statistics.median(v), 1) for name, v in found.items()},
        **{name: round(statistics.median(v), 2) for name, v in ratios.items()},
    }


def _start(module: str, *arguments: str, **variables: str) -> subprocess.Popen:
    environment = {**os.environ, **ONE_THREAD}
    if module == "replications.tools.bench_torch":
        environment = {key: value for key, value in os.environ.items() if key not in ONE_THREAD}
    environment.update(variables)
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def _results(processes: list[subprocess.Popen]) -> list[dict]:
    try:
        return [json.loads(_output(process).strip().splitlines()[-1]) for process in processes]
    finally:
        for process in processes:  # of those that ended, none is left to kill
            process.kill()


def _output(process: subprocess.Popen) -> str:
    out, errors = process.communicate()
    if process.returncode:
        last = (errors.strip().splitlines() or ["it said nothing"])[-1]
        words = [str(word) for word in process.args] if isinstance(process.args, list) else []
        raise BenchError(f"{' '.join(words[1:])}: failed ({last}); run it by itself to see why")
    return out


_PAGE = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
    """\
# How fast it trains

Written by `python -m replications bench` on {{ date }}, with the parameters of that day: {{ machine }}, {{ cores }}
cores. One run is one process on one
thread. Times are wall-clock times. The tables were measured one after another, so on a busy machine compare only within
a table. A run that is trained by `dvc repro --pull` shares its import with
all others of the stage.

| replication | images/s | imports | start | training | after | measuring | memory | per verdict |
|---|---|---|---|---|---|---|---|---|
{% for room, one in replications.items() %}
| {{ room }} | {{ one.images_per_second }} |{% for value in one.seconds.values() %} {{ value }} s |{% endfor %} \
{{ one.peak_gb }} GB | {{ one.seconds_per_verdict }} s |
{% endfor %}

*start*: data, nets, tracing. *after*: outputs for the test set and what only the model knows. *measuring* includes the
imports of the instruments. *per verdict*: core-seconds for all runs of the replication at this run's speed,
divided by its number of claims.

| replication | convolutions | other kernels of oneDNN | the rest | GFLOP/s | of a matrix product |
|---|---|---|---|---|---|
{% for room, one in replications.items() %}
| {{ room }} |{% for value in steps[room].values() %} {{ "%.0f" | format(100 * value) }} % |{% endfor %} \
{{ one.gflops }} | {{ "%.0f" | format(100 * one.gflops / one.gflops_matmul) }} % |
{% endfor %}

Where a training step goes, according to oneDNN's log of its calls. *the rest*: norms, activations, losses, the
optimiser, feeding, and that printing. GFLOP/s count the convolutions and dense layers alone, in the unprinted run; the
matrix product is timed in the same process.

| replication | AVX2, as the suite | the widest instructions |
|---|---|---|
{% for room, one in instructions.items() %}
| {{ room }} | {{ one.AVX2 }} | {{ one.widest }} |
{% endfor %}

Images per second of one run on one thread, by what oneDNN may use; medians of {{ repetitions }} in turns. With the
widest, the bytes of a run would depend on whether its processor has instructions wider than AVX2.

{% if workers %}
| replication | images/s, one run | images/s, one run per core | efficiency |
|---|---|---|---|
{% for room, one in workers.items() %}
| {{ room }} | {{ one.one }} | {{ one.all }} | {{ "%.0f" | format(100 * one.efficiency) }} % |
{% endfor %}

Medians of {{ repetitions }} in turns, about {{ n_steps }} steps each.

{% endif %}
{% if torch %}
| replication | ours | ours, widest | PyTorch | PyTorch, one run on all cores | ours over the better | ours, widest |
|---|---|---|---|---|---|---|
{% for room, one in torch.items() %}
| {{ room }} | {{ one.ours }} | {{ one.ours_widest }} | {{ one.torch_one_thread }} | {{ one.torch_all_threads }} | \
{{ one.ratio }} | {{ one.ratio_widest }} |
{% endfor %}

Images per second of the machine with a run per core, medians of {{ repetitions }} in turns; the same nets, losses,
batch size and optimiser in plain eager PyTorch, which takes the widest instructions of the processor.

{% endif %}
{% if backends %}
{% set ways = backends.values() | first %}
| replication |{% for way in ways %} {{ way }} |{% endfor %}

|---|{% for way in ways %}---|{% endfor %}

{% for room, one in backends.items() %}
| {{ room }} |{% for way in ways %} {{ one[way] }} |{% endfor %}

{% endfor %}

Images per second of one run on one thread of this processor, by Keras's backends, as far as they are installed here;
medians of {{ repetitions }} in turns. The suite compiles under JAX, and under TensorFlow on a GPU alone.
{% endif %}
"""
)
