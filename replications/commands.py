"""What `python -m replications` offers."""

GROUPS = {
    "look at results": {
        "claims": (
            "reporting.listing",
            "list the claims, with what each study says of them",
            "claims --outcome contradicted",
        ),
        "trace": ("trust.trace", "where a verdict comes from, link by link", "trace adversarial_term_sharpens"),
        "page": ("reporting.page", "all of it on one page to look at: results/report.html", "page"),
        "sample": ("nets", "draw samples from a trained net, as a sheet of pictures", "sample vae_vs_gan/gan"),
    },
    "check them": {
        "verify": (
            "trust.verify",
            "check that results, tables and pictures follow from their sources, in seconds",
            "verify",
        ),
        "audit": ("trust.audit", "train committed runs again and compare", "audit --runs 2"),
        "recheck": (
            "trust.recheck",
            "train a claim's arms on fresh seeds, and compare",
            "recheck noise_blurs_under_l2",
        ),
        "versions": ("trust.versions", "recheck a set of claims under other versions of Keras", "versions --fresh 2"),
        "regress": ("trust.regress", "compare verdicts with those of a Git revision", "regress --against HEAD~1"),
    },
    "train and judge": {
        "train": (
            "training.train",
            "train the declared runs of a replication that are not there yet",
            "train pix2pix --workers 2",
        ),
        "measure": ("measuring.measure", "images to scores, curves and a sample sheet", "measure pix2pix"),
        "readers": ("measuring.readers", "train the nets that instruments read images with", "readers"),
        "controls": (
            "measuring.controls",
            "score photographs, blurred ones and noise, for comparison",
            "controls pix2pix",
        ),
        "judge": ("judging.judge", "scores to verdicts", "judge --study real"),
        "register": (
            "judging.register",
            "write down what is claimed, before its runs: register.jsonl",
            "register --check",
        ),
        "report": ("reporting.report", "verdicts to Markdown", "report --study real"),
        "datasets": (
            "datasets.commands",
            "build and export data sets",
            "datasets build facade_world/32 --data-dir data",
        ),
    },
    "use other machines": {
        "fill": (
            "tools.fill",
            "spend the minutes of a device on the runs that are worth most",
            "fill --minutes 25 --pack FOLDER",
        ),
        "import-runs": (
            "tools.import_runs",
            "take in runs that another machine finished",
            "import-runs FOLDER --study paper",
        ),
        "keep": (
            "trust.kept",
            "keep the first outputs of runs, where the runs cannot stay",
            "keep pix2pix --study paper",
        ),
        "cost": ("tools.cost", "what a study costs on GPUs, before it is begun", "cost --epochs vq_vae=641 --price 3"),
        "bench": ("tools.bench", "how fast it trains here, and where the time goes", "bench --only vq_vae"),
    },
    "maintain the suite": {
        "new": ("tools.new", "begin a replication of your own", "new vae_flow"),
        "remove": ("tools.remove", "take a replication away again, with its results", "remove vae_flow"),
        "bundle": ("tools.bundle", "put small copies of runs' networks into the repository", "bundle causes/kl_l2"),
        "mend": (
            "tools.mend",
            "set DVC's own files aside that a kill left incomplete, before dvc repro --pull",
            "mend",
        ),
        "code": ("code", "digests of the code of every stage, which DVC compares: code.json", "code"),
        "pipeline": ("reporting.pipeline", "dvc.yaml of every study, from its params.yaml", "pipeline"),
        "evidence": (
            "evidence",
            "name the commits whose code trained what today's code did not",
            "evidence --study real",
        ),
        "calibration": ("trust.calibration", "how often the judge errs, by simulation", "calibration"),
        "ladder": ("trust.ladder", "what each instrument notices of known damage", "ladder"),
    },
}
"""What people want → command → the module whose `main` it is, what it does, and an example."""
COMMANDS = {name: command for commands in GROUPS.values() for name, command in commands.items()}
"""All of them."""
