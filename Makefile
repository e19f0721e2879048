# `make check` is what CI runs: everything goes through uv, which makes the environment first where there is none.
.PHONY: check lint test format bench torture deps-check

check: lint test

lint:
	uv run ruff format --check .
	uv run ruff check .
	uv run mypy
	uv run lint-imports

test:
	pip install --quiet uv && uv run pytest

format:
	uv run ruff format .
	uv run ruff check --fix .

bench:
	uv run python benchmarks/bench_losses.py --quick

# The worst that can be done, and one table of what was survived; CI runs the same tests in their short form.
torture:
	uv run --group fuzz python -m tests.torture

# What the declared ranges allow, at both ends; what is in an installation; what is known to be wrong with it.
deps-check:
	benchmarks/deps_check.sh
