"""How accurate a recipe is over several seeds, beside stock Keras: a run after the other, each in a process of its own."""
