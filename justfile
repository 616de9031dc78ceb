# The only door: `just` lists what there is, and .ci/run runs the same commands.

[private]
default:
    @just --list --unsorted

# Everything that needs no client and no network: format, lints, tests
check: fmt clippy test

# Check the format
fmt:
    cargo fmt --check

# Lints, warnings as errors
clippy:
    cargo clippy --all-targets -- -D warnings

# Tests of the crate
test:
    cargo test

# Cuts the power after every step of 300 random histories: some seven minutes
crashes:
    LOST_WRITE_HISTORIES=300 cargo test --lib lost_writes

# Kills the broker 200 times in the middle of traffic, half of them with --durability=power: about a minute
crash:
    KILLS=200 cargo test --test broker crash::churn -- --nocapture

# A million deferred messages of 1 kB, which may take 150 MB of memory: about two minutes, 2 GB in the directory for temporary files
deferred:
    DEFERRED=1000000 cargo test --test broker deferring::a_million -- --nocapture

# Queues 20 million messages for one channel and drains, empties and deletes them: about two minutes, 6.2 GB below target/
backlog *arguments:
    cargo bench --bench broker -- --case backlog {{ arguments }}

# A thousand nodes register at once, twice, with nsqlookupd: as upstream's nsqd does with 100 topics each, as ours with 1,000
lookupd-scale:
    LOOKUPD_NODES=1000 LOOKUPD_TOPICS=100 cargo test --release --test broker lookupd::scale -- --nocapture
    LOOKUPD_NODES=1000 LOOKUPD_TOPICS=1000 LOOKUPD_WINDOW=1024 cargo test --release --test broker lookupd::scale -- --nocapture

# nsqadmin looks at 200 nodes with 500 topics each: a page's data within 300 ms, 300 MB of memory; about half a minute
admin-scale:
    ADMIN_NODES=200 ADMIN_TOPICS=500 cargo test --release --test broker admin::scale -- --nocapture

# NSQ's official clients against our nsqd: `just clients --client nsqjs`
clients *arguments:
    tests/clients/run {{ arguments }}

# nsqadmin's pages in a real browser, with a live cluster: `just browser --only tail`; pictures are left in target/browser
browser *arguments:
    tests/browser/run {{ arguments }}

# A million lines through to_nsq, nsqd and nsq_to_file, with the time and the CPU that it takes
million *lines:
    cargo build --release
    tests/million {{ lines }}

# The README's tour, as pasted
tour:
    tests/readme_tour

# Measure; `just bench --no-run` only compiles
bench *arguments:
    cargo bench {{ arguments }}

# What the codec, the rules and the log take in memory: `just micro finish` for the names with that word; about two minutes
micro *arguments:
    cargo bench --bench micro -- {{ arguments }}

# Counts the instructions of the same work and holds them against benches/instructions/figures.toml; `just instructions --renew` stores them
instructions *arguments:
    cargo bench --bench instructions -- {{ arguments }}

# Our nsqd against another one, by turns; writes the table of docs/performance.md: `just compare NSQD=/path/to/nsqd`, some 30 minutes
compare *arguments:
    cargo build --release
    benches/compare {{ arguments }}

# How our cost grows with sizes, connections, channels, topics and backlogs; writes tables and pictures to docs/performance.md, some 20 minutes, 8 GB below target/
grow *arguments:
    cargo build --release
    benches/grow {{ arguments }}

# What must hold before a merge
ci:
    .ci/run
