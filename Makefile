# `make check` is what CI runs: everything goes through uv, which makes the environment first where there is none.
.PHONY: check lint test format bench baseline docs evidence torture deps-check

check: lint docs test

lint:
	uv run ruff format --check .
	uv run ruff check .
	uv run mypy
	uv run lint-imports

test:
	pip install --quiet uv && uv run pytest

# The site, into .cache/site; a warning (a dead link, a page that is nowhere in the navigation, a docstring that does not parse) is an error.
docs:
	NO_MKDOCS_2_WARNING=1 uv run mkdocs build --strict -f .mkdocs/mkdocs.yml

format:
	uv run ruff format .
	uv run ruff check --fix .

bench:
	uv run python benchmarks/performance.py

baseline:
	uv run python benchmarks/performance.py --page --baseline

# The tables of docs/evidence.md, from run records; what is there already is not run again. Needs $TRANSFER_CORPORA, and hours the first time.
evidence:
	uv run python benchmarks/evidence.py --seeds 5
	uv run python benchmarks/few_clips.py --page docs/evidence.md
	uv run python benchmarks/few_voices.py
	uv run python benchmarks/lab_question.py

# The worst that can be done, and one table of what was survived; CI runs the same tests in their short form.
torture:
	uv run --group fuzz python -m tests.torture

# What the declared ranges allow, at both ends; what is in an installation; what is known to be wrong with it.
deps-check:
	benchmarks/deps_check.sh
