"""How a study is trained: runs over workers, one run in a process, Keras' fit as all recipes use it."""
