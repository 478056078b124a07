# Run `./just RECIPE`: it needs Python 3.11+ and PyPI, and every recipe works on a fresh clone.

set positional-arguments

# With exec, a signal to just reaches the program and not the shell between them.
run := "exec uv run --no-sync"

# Where this is set, as in many containers, each process compiles anew all that it imports: two
# seconds of CPU for a start, and the tests start hundreds.
export PYTHONDONTWRITEBYTECODE := ""

[private]
default:
    @just --list --unsorted

# See a whole call: a caller speaks, the agent answers, every step is shown (`--once`, `--report FILE`)
[group('start'), no-exit-message]
demo *ARGS: setup
    @{{ run }} partyline demo "$@"

# Start NATS, PostgreSQL and all roles in one process and wait for calls
[group('start'), no-exit-message]
up *ARGS: setup
    @{{ run }} partyline up "$@"

# Place a call with recorded audio, as a carrier would
[group('start'), no-exit-message]
call *ARGS: setup
    @{{ run }} partyline call "$@"

# Make machine code of what fills tables: rebuilds are faster, and fall back without it
[group('data'), no-exit-message]
compile *ARGS: setup
    @{{ run }} partyline compile "$@"

# Any other command: `./just partyline calls show ID`
[group('start'), no-exit-message]
partyline *ARGS: setup
    @{{ run }} partyline "$@"

# Install what uv.lock names into .venv; silent when nothing is missing
[group('start'), no-exit-message]
setup:
    @uv sync --locked --check --quiet 2>/dev/null || uv sync --locked

# Run the tests, all or some: `./just test tests/call -k interrupts`
[group('check'), no-exit-message]
test *ARGS: setup
    @{{ run }} pytest -n 3 --dist loadfile --no-loadscope-reorder "$@"

# Lint, formatting, types, import contracts, and whether the catalogue is current
[group('check'), no-exit-message]
check: setup
    {{ run }} ruff check
    {{ run }} ruff format --check
    {{ run }} mypy
    {{ run }} lint-imports
    {{ run }} python -m contracts.catalogue --check
    {{ run }} python -m services.cli.settings_page --check
    {{ run }} python -m projections.views.page --check
    {{ run }} python -m infra.grafana.build --check

# Format the code and repair what the linter can
[group('check'), no-exit-message]
format: setup
    {{ run }} ruff check --fix
    {{ run }} ruff format

# The providers' doubles on loopback: set what it prints, then `./just up` uses Deepgram, Groq, ...
[group('start'), no-exit-message]
vendors *ARGS: setup
    @cd tests && {{ run }} python -m vendors.by_hand "$@"

# Measure what the adapters of providers cost: `./just measure-adapters --only ear --json FILE`
[group('check'), no-exit-message]
measure-adapters *ARGS: setup
    @PYTHONPATH=tests {{ run }} python tests/providers/measure_adapters.py "$@"

# Measure what a search of the knowledge takes: `./just measure-search --only server --json FILE`
[group('check'), no-exit-message]
measure-search *ARGS: setup
    @PYTHONPATH=tests {{ run }} python tests/rag/measure_search.py "$@"

# Callers in real time, and what they cost: `./just load steady --calls 10 50 --peer pipecat --page FILE`; `--profile`: where the CPU goes
[group('check'), no-exit-message]
load *ARGS: setup
    @{{ run }} python -m loadtest.load "$@"

# Compare two reports of `load`: `./just load-compare before.json after.json`
[group('check'), no-exit-message]
load-compare *ARGS: setup
    @{{ run }} python -m loadtest.load.compare "$@"

# Whether a call costs more CPU than the committed baseline says: fails when over 20 % more
[group('check'), no-exit-message]
bench *ARGS: setup
    @{{ run }} python -m loadtest.load.bench "$@"

# What 1,000 to 100,000 calls need, by a model; `./just scale --drive 2000` measures idle ones here
[group('check'), no-exit-message]
scale *ARGS: setup
    @{{ run }} python -m loadtest.scale "$@"

# Kill roles and servers under calls, and count what was lost: `./just chaos --seed 7 --minutes 2`
[group('check'), no-exit-message]
chaos *ARGS: setup
    @{{ run }} python -m loadtest.chaos "$@"

# Write made-up yet valid calls into a log: `./just generate --calls 1000 --seed 7`
[group('check'), no-exit-message]
generate *ARGS: setup
    @{{ run }} python -m loadtest.generating "$@"

# Time the rebuild of all tables, beside COPY and a peer: `./just bench-rebuild --events 1000000`
[group('check'), no-exit-message]
bench-rebuild *ARGS: setup
    @{{ run }} python -m loadtest.rebuilding "$@"

# List the calls, or show one: `./just calls show ID`
[group('data'), no-exit-message]
calls *ARGS: setup
    @{{ run }} partyline calls "$@"

# Go through a recorded call, or see its exact state: `./just replay ID --at N`
[group('data'), no-exit-message]
replay *ARGS: setup
    @{{ run }} partyline replay "$@"

# Write the generated files anew: events, AsyncAPI, settings, views, dashboards
[group('data'), no-exit-message]
catalogue: setup
    {{ run }} python -m contracts.catalogue
    {{ run }} python -m services.cli.settings_page
    {{ run }} python -m projections.views.page
    {{ run }} python -m infra.grafana.build
