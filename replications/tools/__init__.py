"""What helps around the pipeline: new replications, imported runs, benchmarks, costs, repairs."""
