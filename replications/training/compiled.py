"""What JAX compiles for one run serves the next: seeds differ in numbers, not in shapes."""

import jax  # pyright: ignore[reportMissingImports]  # an extra


def share(folder: str) -> None:
    """Has this process take from a folder what an earlier one compiled, and leave there what it compiles itself.

    The bytes of a run stay as they are. An entry that a kill left incomplete is compiled again.
    """
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)  # a hundred are small
