//! How many instructions the codec, the rules and the log take for fixed work, held against stored figures.
//!
//! `cargo bench --bench instructions [-- --renew] [-- NAME …]`
//!
//! Each piece of work runs in a process of its own under callgrind, which counts the instructions of the one call. They are
//! the same from run to run, where times are not. What is held, and when figures are renewed: `docs/performance.md`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench talks to a terminal")]

mod callgrind;
mod figures;
mod holding;
mod machine;
mod pieces;
#[path = "../workload/mod.rs"]
mod work;

use std::{collections::BTreeMap, error::Error, fs, path::Path, process::ExitCode};

use clap::Parser;

use crate::{
    callgrind::counted,
    figures::Figures,
    holding::Holding,
    pieces::{PIECES, Piece},
};

const FIGURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions/figures.toml");

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Counts instructions and holds them against benches/instructions/figures.toml.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only the work whose name contains one of these
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// Stores what is counted instead of holding it against what is stored
    #[arg(long, conflicts_with = "names")]
    renew: bool,

    /// Does a piece of work, to be counted from outside
    #[arg(long, value_name = "NAME", hide = true)]
    work: Option<String>,

    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("counting failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Says whether the exit code is that of success.
fn run(arguments: &Arguments) -> Result<bool> {
    if let Some(name) = &arguments.work {
        let piece = PIECES.iter().find(|piece| piece.name == name).ok_or("no such work")?;
        counted(&mut *(piece.prepare)());
        return Ok(true);
    }
    if cfg!(debug_assertions) {
        println!("a debug build says nothing about speed: use cargo bench");
        return Ok(true);
    }
    let wanted = |piece: &&Piece| {
        let names = &arguments.names;
        names.is_empty() || names.iter().any(|name| piece.name.contains(name))
    };
    let pieces: Vec<_> = PIECES.iter().filter(wanted).collect();
    let measured = measure(&pieces)?;
    if arguments.renew {
        fs::write(FIGURES, measured.to_toml())?;
        println!("{} figures stored in {FIGURES}", measured.instructions.len());
        return Ok(true);
    }
    let mut stored = Figures::parse(&fs::read_to_string(FIGURES)?)?;
    if !arguments.names.is_empty() {
        stored.instructions.retain(|name, _| measured.instructions.contains_key(name));
    }
    let holding = Holding::of(&stored, &measured);
    print!("{}", holding.text());
    Ok(holding.is_fine())
}

fn measure(pieces: &[&Piece]) -> Result<Figures> {
    let measured_with = machine::setting()?;
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(dir)?;
    let mut instructions = BTreeMap::new();
    for piece in pieces {
        let cost = callgrind::count(piece.name, dir)?.per(piece.count);
        instructions.insert(piece.name.to_owned(), cost);
    }
    Ok(Figures { measured_with, instructions })
}
