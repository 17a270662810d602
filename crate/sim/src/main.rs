//! The simulator's command line.

mod cli;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Many nodes on a virtual network, driven by a seed.
#[derive(Debug, Parser)]
#[command(name = "roundtable-sim", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Random requests and faults, then peace, then judgement, for every seed. Fails on a violation.
    Soak(cli::soak::Arguments),
    /// The bugs that can be planted; with `--check`, whether each is caught. Fails if one is not caught.
    Plants(cli::plants::Arguments),
    /// Figures against their bars, those of rivals on the same schedule included. Fails if a bar does not hold.
    Measure(cli::measure::Arguments),
    /// Stories of what once went wrong elsewhere, played with many seeds. Fails if one does not end as it should.
    Scenario(cli::scenario::Arguments),
    /// The lessons of `tests/lessons`: whether each still tells what it says. Fails if one does not.
    Lessons(cli::lessons::Arguments),
    /// One seed, or one schedule from a file, again, every output a line. Fails on a violation.
    Replay(cli::replay::Arguments),
    /// The hash of each seed's trace, a line a seed: it is the same on every machine, and in wasm.
    Traces(cli::traces::Arguments),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Soak(arguments) => cli::soak::run(&arguments),
        Command::Plants(arguments) => cli::plants::run(&arguments),
        Command::Measure(arguments) => cli::measure::run(&arguments),
        Command::Scenario(arguments) => cli::scenario::run(&arguments),
        Command::Lessons(arguments) => cli::lessons::run(&arguments),
        Command::Replay(arguments) => cli::replay::run(&arguments),
        Command::Traces(arguments) => cli::traces::run(&arguments),
    }
}
