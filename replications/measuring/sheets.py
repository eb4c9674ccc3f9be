"""Sample sheets: the same inputs through every variant, side by side, because people would rather look."""

import importlib
import io
from pathlib import Path

from replications import runs
from replications.drawing import plain, plt
from replications.results import write_bytes
from replications.study import Study


@plain()
def write(study: Study, replication: str, path: Path) -> None:
    """Draws the room's columns (title, images uint8 (N, H, W, 3)) of the first declared seed, `n_rows` rows."""
    room = importlib.import_module(f"replications.{replication}.measures")
    first = [runs.read(study, run) for run in study.runs(replication) if run.seed == study.seeds[0]]
    columns = room.sheet({finished.run.variant: finished.images for finished in first})
    n_rows = min(8, min(len(images) for _, images in columns))
    figsize = (len(columns) * 0.95, n_rows * 0.9 + 0.4)
    figure, axes = plt.subplots(n_rows, len(columns), figsize=figsize, dpi=100, squeeze=False)
    for column, (title, images) in enumerate(columns):
        for row in range(n_rows):
            axes[row, column].imshow(images[row], interpolation="nearest")
            axes[row, column].axis("off")
        axes[0, column].set_title(title, fontsize=7, rotation=0)
    figure.subplots_adjust(left=0.005, right=0.995, top=0.94, bottom=0.005, wspace=0.04, hspace=0.04)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})  # no version in the bytes
    plt.close(figure)
    write_bytes(path, picture.getvalue())
