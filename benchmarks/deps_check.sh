#!/usr/bin/env bash
# Tests on the newest and on the oldest versions that pyproject.toml allows, in environments of their own; then a bill of
# materials (CycloneDX) and what is known to be wrong with what is in it. Weekly; it downloads both environments.
# DEPS_TESTS picks the tests (default: the quick ones of every room), DEPS_OUT the folder of the two reports.
set -euo pipefail
cd "$(dirname "$0")/.."
tests=${DEPS_TESTS:-"tests/losses tests/evaluation tests/data tests/test_loading.py tests/test_run.py tests/test_resume.py tests/test_spool.py"}
out=$(realpath -m "${DEPS_OUT:-.cache/deps}")
mkdir -p "$out"
status=0
for resolution in highest lowest-direct; do
  echo "== $resolution"
  export UV_PROJECT_ENVIRONMENT="$out/$resolution"
  uv sync --quiet --resolution "$resolution" --all-extras
  uv export --quiet --resolution "$resolution" --all-extras --no-emit-project --no-hashes --output-file "$out/$resolution.txt"
  # shellcheck disable=SC2086
  PYTHONPATH=. "$out/$resolution/bin/python" -m pytest -q $tests || status=1
done
unset UV_PROJECT_ENVIRONMENT
uv lock --quiet  # as it was
echo "== bill of materials: $out/sbom.json"
uvx --from cyclonedx-bom cyclonedx-py requirements "$out/highest.txt" --output-file "$out/sbom.json"
echo "== known vulnerabilities: $out/audit.json"
uvx pip-audit --strict --requirement "$out/highest.txt" --no-deps --format json --output "$out/audit.json" || status=1
exit $status
