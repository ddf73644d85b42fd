"""The room that knows what a woken person does about each page. It imports from core and nothing else."""
