# `make check` is what CI runs: everything goes through uv, which makes the environment first where there is none.
.PHONY: check lint test format bench baseline

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
	uv run python benchmarks/performance.py

baseline:
	uv run python benchmarks/performance.py --page --baseline
